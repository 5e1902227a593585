#pragma once
// Signed notes and verifier keys.
// Source: C2SP signed-note.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/crypto/private_key.h"
#include "ledger/crypto/public_key.h"

namespace witan {

// The algorithm byte of a vkey.
enum class NoteAlgorithm : std::uint8_t {
  kEd25519 = 1,             // plain note signature
  kEcdsa = 2,               // ECDSA P-256 with SHA-256, DER signature; key is SubjectPublicKeyInfo
  kCosignatureEd25519 = 4,  // C2SP tlog-cosignature
  kRfc6962 = 5,             // static-ct-api TreeHeadSignature (kept, reported as unverifiable)
  kMlDsa44 = 6,             // C2SP tlog-cosignature (verified where OpenSSL has it)
};

using KeyId = std::array<std::uint8_t, 4>;

// "<name>+<hex key id>+<base64 (algorithm byte || key)>".
struct VerifierKey {
  std::string name;
  NoteAlgorithm algorithm = NoteAlgorithm::kEd25519;
  Bytes key;  // as encoded, without the algorithm byte
  KeyId id{};

  // kMalformed (shape, name, key, key id that does not match), kUnsupported (algorithm byte, or an
  // ECDSA key on another curve than P-256).
  static Result<VerifierKey> parse(std::string_view text);
  static Result<VerifierKey> make(std::string name, NoteAlgorithm algorithm, BytesView key);
  [[nodiscard]] std::string text() const;
  friend bool operator==(const VerifierKey&, const VerifierKey&) = default;
};

// Whether a key name is allowed: 1 to 255 bytes of UTF-8 without Unicode spaces, control characters
// and '+'.
[[nodiscard]] bool valid_key_name(std::string_view name);

struct NoteSignature {
  std::string name;
  KeyId id{};
  Bytes signature;  // after the 4 key id bytes
  friend bool operator==(const NoteSignature&, const NoteSignature&) = default;
};

struct Note {
  std::string text;  // ends in a newline; what is signed
  std::vector<NoteSignature> signatures;

  // kMalformed, kTooLarge. Accepts only what text() writes again byte for byte.
  static Result<Note> parse(std::string_view note);
  [[nodiscard]] std::string encode() const;
};

enum class SignatureStatus {
  kValid,
  kInvalid,       // known key, and the signature is wrong
  kUnknownKey,    // no key of that name and id was given
  kUnverifiable,  // known key of an algorithm that this build cannot check
};

struct SignatureCheck {
  SignatureStatus status = SignatureStatus::kUnknownKey;
  // Seconds since 1970 for cosignatures; nullopt for plain signatures.
  std::optional<std::uint64_t> timestamp;
};

// Checks one signature line of a note against one key of the same name and id. For kMlDsa44 the
// text must be a checkpoint, and the signature covers its first three lines, not the extensions.
[[nodiscard]] SignatureCheck check_signature(const Note& note, const NoteSignature& signature,
                                             const VerifierKey& key);
// Succeeds when `key` signed the note: at least one line under its name and id, all of them valid.
// kBadSignature otherwise, naming the key; kUnsupported for a key that this build cannot verify
// with. Gives the (latest) timestamp of cosignatures.
[[nodiscard]] Result<SignatureCheck> verify_note(const Note& note, const VerifierKey& key);

// A plain Ed25519 note signature (algorithm 1) over the text.
[[nodiscard]] Result<NoteSignature> sign_note(std::string_view text, std::string_view name,
                                              const PrivateKey& ed25519);
// A cosignature/v1 (algorithm 4) over a checkpoint's text at a time in seconds since 1970.
[[nodiscard]] Result<NoteSignature> cosign_note(std::string_view text, std::string_view name,
                                                const PrivateKey& ed25519, std::uint64_t time_s);

}  // namespace witan
