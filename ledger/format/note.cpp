#include "ledger/format/note.h"

#include <algorithm>
#include <utility>

#include "config/limits.h"
#include "ledger/crypto/ecdsa_der.h"
#include "ledger/encoding.h"
#include "ledger/format/checkpoint.h"
#include "ledger/format/cosign_subtree.h"
#include "ledger/format/cosignature.h"
#include "ledger/format/ecdsa_key.h"

namespace witan {
namespace {

constexpr std::string_view kDash = "\xe2\x80\x94 ";  // U+2014 and a space

Result<void> check_characters(std::string_view note) {
  if (note.size() > limits::kNoteBytesMax) {
    return fail(ErrorCode::kTooLarge, "note: " + std::to_string(note.size()) +
                                          " bytes, the limit is " +
                                          std::to_string(limits::kNoteBytesMax));
  }
  const auto control = std::find_if(note.begin(), note.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 && c != '\n';
  });
  if (control != note.end()) {
    return fail(ErrorCode::kMalformed, "note: control character " +
                                           std::to_string(static_cast<int>(*control)) +
                                           " at byte " + std::to_string(control - note.begin()));
  }
  if (!is_utf8(as_bytes(note))) return fail(ErrorCode::kMalformed, "note: not UTF-8");
  if (note.empty() || note.back() != '\n') {
    return fail(ErrorCode::kMalformed, "note: no newline at the end");
  }
  return {};
}

Result<NoteSignature> parse_signature_line(std::string_view line, std::size_t number) {
  const auto bad = [number](std::string_view what) {
    return fail(ErrorCode::kMalformed,
                "note signature line " + std::to_string(number) + ": " + std::string(what));
  };
  if (line.substr(0, kDash.size()) != kDash) return bad("expected an em dash and a space");
  line.remove_prefix(kDash.size());
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos) return bad("expected a name, a space and base64");
  NoteSignature out;
  out.name = line.substr(0, space);
  if (!valid_key_name(out.name)) {
    return bad("the name is not 1 to 255 bytes of UTF-8 without spaces and '+'");
  }
  const auto bytes = base64_decode(line.substr(space + 1));
  if (!bytes) return bad("the signature is not base64");
  if (bytes->size() <= out.id.size()) {
    return bad("expected a key id of 4 bytes and a signature, found " +
               std::to_string(bytes->size()) + " bytes");
  }
  const auto split = bytes->begin() + static_cast<std::ptrdiff_t>(out.id.size());
  std::copy(bytes->begin(), split, out.id.begin());
  out.signature.assign(split, bytes->end());
  return out;
}

using Status = SignatureStatus;

Status check_ed25519(const VerifierKey& key, std::string_view message, BytesView signature) {
  const auto parsed = PublicKey::from_ed25519(key.key);
  if (!parsed || !parsed->verify(Algorithm::kEdDsa, as_bytes(message), signature)) {
    return Status::kInvalid;
  }
  return Status::kValid;
}

Status check_ecdsa(const VerifierKey& key, std::string_view message, BytesView signature) {
  const auto parsed = ecdsa_note_key(key.key);
  if (!parsed) return Status::kInvalid;
  const auto r_s = ecdsa_from_der(signature, parsed->kind());
  if (!r_s || !parsed->verify(Algorithm::kEs256, as_bytes(message), *r_s)) return Status::kInvalid;
  return Status::kValid;
}

SignatureCheck check_cosignature(const Note& note, BytesView signature, const VerifierKey& key) {
  const auto split = split_timestamped_signature(signature);
  if (!split) return {Status::kInvalid, std::nullopt};
  const std::string message = cosignature_v1_message(note.text, split->time_s);
  return {check_ed25519(key, message, split->signature), split->time_s};
}

SignatureCheck check_ml_dsa(const Note& note, const NoteSignature& line, const VerifierKey& key) {
  const auto checkpoint = Checkpoint::parse(note.text);
  if (!checkpoint) return {Status::kInvalid, std::nullopt};
  return check_subtree_signature(
      {key.name, 0, checkpoint->origin, 0, checkpoint->size.value, checkpoint->root}, line, key);
}

SignatureCheck check_known(const Note& note, const NoteSignature& signature,
                           const VerifierKey& key) {
  switch (key.algorithm) {
    case NoteAlgorithm::kEd25519:
      return {check_ed25519(key, note.text, signature.signature), std::nullopt};
    case NoteAlgorithm::kEcdsa:
      return {check_ecdsa(key, note.text, signature.signature), std::nullopt};
    case NoteAlgorithm::kCosignatureEd25519:
      return check_cosignature(note, signature.signature, key);
    case NoteAlgorithm::kRfc6962:
      return {Status::kUnverifiable, std::nullopt};
    case NoteAlgorithm::kMlDsa44:
      return check_ml_dsa(note, signature, key);
  }
  return {Status::kUnverifiable, std::nullopt};
}

Result<void> check_signer(std::string_view text, std::string_view name, const PrivateKey& key) {
  WITAN_TRY(check_characters(text));
  if (!valid_key_name(name)) {
    return fail(ErrorCode::kMalformed, "note: \"" + std::string(name) + "\" is no key name");
  }
  if (key.public_key().kind() != KeyKind::kEd25519) {
    return fail(ErrorCode::kUnsupported, "note: expected an Ed25519 key, found " +
                                             std::string(to_string(key.public_key().kind())));
  }
  return {};
}

}  // namespace

Result<Note> Note::parse(std::string_view note) {
  WITAN_TRY(check_characters(note));
  const std::size_t separator = note.rfind("\n\n");
  if (separator == std::string_view::npos) {
    return fail(ErrorCode::kMalformed, "note: no empty line between text and signatures");
  }
  Note out;
  out.text = note.substr(0, separator + 1);
  std::string_view rest = note.substr(separator + 2);
  if (rest.empty()) return fail(ErrorCode::kMalformed, "note: no signature lines");
  while (!rest.empty()) {
    if (out.signatures.size() == limits::kNoteSignaturesMax) {
      return fail(ErrorCode::kTooLarge,
                  "note: more than " + std::to_string(limits::kNoteSignaturesMax) + " signatures");
    }
    const std::size_t end = rest.find('\n');
    WITAN_ASSIGN(NoteSignature signature,
                 parse_signature_line(rest.substr(0, end), out.signatures.size() + 1));
    out.signatures.push_back(std::move(signature));
    rest.remove_prefix(end + 1);
  }
  return out;
}

std::string Note::encode() const {
  std::string out = text + "\n";
  for (const NoteSignature& signature : signatures) {
    Bytes bytes(signature.id.begin(), signature.id.end());
    append(bytes, signature.signature);
    out += std::string(kDash) + signature.name + " " + base64_encode(bytes) + "\n";
  }
  return out;
}

SignatureCheck check_signature(const Note& note, const NoteSignature& signature,
                               const VerifierKey& key) {
  if (signature.name != key.name || signature.id != key.id) return {};
  return check_known(note, signature, key);
}

Result<SignatureCheck> verify_note(const Note& note, const VerifierKey& key) {
  const std::string label = key.name + "+" + hex_encode(key.id);
  SignatureCheck out;
  for (const NoteSignature& signature : note.signatures) {
    const SignatureCheck check = check_signature(note, signature, key);
    if (check.status == SignatureStatus::kUnknownKey) continue;
    if (check.status == SignatureStatus::kUnverifiable) {
      return fail(ErrorCode::kUnsupported,
                  "note: signatures of " + label + " cannot be verified by this build");
    }
    if (check.status == SignatureStatus::kInvalid) {
      return fail(ErrorCode::kBadSignature, "note: the signature of " + label + " is wrong");
    }
    out.status = SignatureStatus::kValid;
    out.timestamp = std::max(out.timestamp, check.timestamp);
  }
  if (out.status != SignatureStatus::kValid) {
    return fail(ErrorCode::kBadSignature, "note: no signature of " + label);
  }
  return out;
}

Result<NoteSignature> sign_note(std::string_view text, std::string_view name,
                                const PrivateKey& ed25519) {
  WITAN_TRY(check_signer(text, name, ed25519));
  WITAN_ASSIGN(const VerifierKey key, VerifierKey::make(std::string(name), NoteAlgorithm::kEd25519,
                                                        ed25519.public_key().raw()));
  WITAN_ASSIGN(Bytes signature, ed25519.sign(Algorithm::kEdDsa, as_bytes(text)));
  return NoteSignature{key.name, key.id, std::move(signature)};
}

Result<NoteSignature> cosign_note(std::string_view text, std::string_view name,
                                  const PrivateKey& ed25519, std::uint64_t time_s) {
  WITAN_TRY(check_signer(text, name, ed25519));
  WITAN_TRY(Checkpoint::parse(text));
  if (time_s > kCosignatureTimeMax) {
    return fail(ErrorCode::kMalformed, "cosignature: time above 2^63 - 1");
  }
  WITAN_ASSIGN(const VerifierKey key,
               VerifierKey::make(std::string(name), NoteAlgorithm::kCosignatureEd25519,
                                 ed25519.public_key().raw()));
  const std::string message = cosignature_v1_message(text, time_s);
  WITAN_ASSIGN(const Bytes signature, ed25519.sign(Algorithm::kEdDsa, as_bytes(message)));
  return NoteSignature{key.name, key.id, join_timestamped_signature(time_s, signature)};
}

}  // namespace witan
