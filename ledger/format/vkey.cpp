// Key names and verifier keys of signed notes.
#include <algorithm>
#include <array>
#include <utility>

#include "config/limits.h"
#include "ledger/crypto/ml_dsa.h"
#include "ledger/crypto/sha256.h"
#include "ledger/encoding.h"
#include "ledger/format/ecdsa_key.h"
#include "ledger/format/note.h"

namespace witan {
namespace {

constexpr std::size_t kEd25519KeyBytes = 32;
constexpr std::size_t kRfc6962LogIdBytes = 32;

// One code point of valid UTF-8, taken off the front.
std::uint32_t next_code_point(std::string_view& text) {
  const auto lead = static_cast<std::uint8_t>(text.front());
  const std::size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  std::uint32_t value = length == 1 ? lead : lead & (0x7fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    value = (value << 6) | (static_cast<std::uint8_t>(text[i]) & 0x3fu);
  }
  text.remove_prefix(length);
  return value;
}

// White_Space of Unicode, and the control characters, which no note may contain.
bool is_space_or_control(std::uint32_t c) {
  return c <= 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) ||
         c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

Result<NoteAlgorithm> algorithm_from_byte(std::uint8_t byte) {
  switch (byte) {
    case 1:
      return NoteAlgorithm::kEd25519;
    case 2:
      return NoteAlgorithm::kEcdsa;
    case 4:
      return NoteAlgorithm::kCosignatureEd25519;
    case 5:
      return NoteAlgorithm::kRfc6962;
    case 6:
      return NoteAlgorithm::kMlDsa44;
    default:
      break;
  }
  return fail(ErrorCode::kUnsupported,
              "vkey: expected signature type 1, 2, 4, 5 or 6, found " + std::to_string(byte));
}

tl::unexpected<Error> wrong_length(std::string_view what, std::size_t expected, std::size_t found) {
  return fail(ErrorCode::kMalformed, "vkey: " + std::string(what) + " of " + std::to_string(found) +
                                         " bytes, expected " + std::to_string(expected));
}

Result<void> check_ecdsa_key(BytesView key) {
  const auto parsed = ecdsa_note_key(key);
  if (!parsed) return fail(parsed.error().within("vkey"));
  return {};
}

Result<void> check_key(NoteAlgorithm algorithm, BytesView key) {
  switch (algorithm) {
    case NoteAlgorithm::kEd25519:
    case NoteAlgorithm::kCosignatureEd25519:
      if (key.size() != kEd25519KeyBytes) {
        return wrong_length("Ed25519 key", kEd25519KeyBytes, key.size());
      }
      return {};
    case NoteAlgorithm::kEcdsa:
      return check_ecdsa_key(key);
    case NoteAlgorithm::kRfc6962:
      // Kept without being used: the log id, or the key that it is the hash of.
      if (key.size() < kRfc6962LogIdBytes || key.size() > limits::kCertificateBytesMax) {
        return wrong_length("RFC 6962 log id", kRfc6962LogIdBytes, key.size());
      }
      return {};
    case NoteAlgorithm::kMlDsa44:
      if (key.size() != kMlDsa44KeyBytes) {
        return wrong_length("ML-DSA-44 key", kMlDsa44KeyBytes, key.size());
      }
      return {};
  }
  return fail(ErrorCode::kUnsupported, "vkey: unknown signature type");
}

KeyId first_four(const Hash32& hash) {
  return {hash[0], hash[1], hash[2], hash[3]};
}

KeyId key_id(std::string_view name, NoteAlgorithm algorithm, BytesView key) {
  // ECDSA keys came before the common rule: their id knows neither name nor type.
  if (algorithm == NoteAlgorithm::kEcdsa) return first_four(sha256(key));
  const std::array<std::uint8_t, 2> separator = {'\n', static_cast<std::uint8_t>(algorithm)};
  if (algorithm == NoteAlgorithm::kRfc6962 && key.size() != kRfc6962LogIdBytes) {
    const Hash32 log_id = sha256(key);
    return first_four(sha256({as_bytes(name), separator, log_id}));
  }
  return first_four(sha256({as_bytes(name), separator, key}));
}

}  // namespace

bool valid_key_name(std::string_view name) {
  if (name.empty() || name.size() > limits::kKeyNameCharsMax || !is_utf8(as_bytes(name))) {
    return false;
  }
  while (!name.empty()) {
    const std::uint32_t c = next_code_point(name);
    if (is_space_or_control(c) || c == '+') return false;
  }
  return true;
}

Result<VerifierKey> VerifierKey::parse(std::string_view text) {
  // Names have no '+'; base64 may.
  const std::size_t first = text.find('+');
  const std::size_t second = first == std::string_view::npos ? first : text.find('+', first + 1);
  if (second == std::string_view::npos) {
    return fail(ErrorCode::kMalformed, "vkey: expected name+id+key, found no two '+'");
  }
  const auto id = hex_decode(text.substr(first + 1, second - first - 1));
  if (!id || id->size() != 4) {
    return fail(ErrorCode::kMalformed, "vkey: the key id is not 8 lower-case hex digits");
  }
  const std::string_view encoded = text.substr(second + 1);
  if (encoded.size() > limits::kKeyNameCharsMax + 2 * limits::kCertificateBytesMax) {
    return fail(ErrorCode::kMalformed, "vkey: the key is too long");
  }
  const auto material = base64_decode(encoded);
  if (!material || material->empty()) {
    return fail(ErrorCode::kMalformed, "vkey: the key is not base64 of a type byte and a key");
  }
  WITAN_ASSIGN(const NoteAlgorithm algorithm, algorithm_from_byte(material->front()));
  WITAN_ASSIGN(VerifierKey key, make(std::string(text.substr(0, first)), algorithm,
                                     BytesView(*material).subspan(1)));
  if (!equal(key.id, *id)) {
    return fail(ErrorCode::kMalformed, "vkey " + key.name + ": key id " + hex_encode(*id) +
                                           " found, " + hex_encode(key.id) + " expected");
  }
  return key;
}

Result<VerifierKey> VerifierKey::make(std::string name, NoteAlgorithm algorithm, BytesView key) {
  if (!valid_key_name(name)) {
    return fail(ErrorCode::kMalformed,
                "vkey: the name is not 1 to 255 bytes of UTF-8 without spaces and '+'");
  }
  WITAN_TRY(check_key(algorithm, key));
  VerifierKey out;
  out.id = key_id(name, algorithm, key);
  out.name = std::move(name);
  out.algorithm = algorithm;
  out.key = to_bytes(key);
  return out;
}

std::string VerifierKey::text() const {
  Bytes material = {static_cast<std::uint8_t>(algorithm)};
  append(material, key);
  return name + "+" + hex_encode(id) + "+" + base64_encode(material);
}

}  // namespace witan
