#include "enclave/cosigner_message_parts.h"

#include <utility>

#include "enclave/messages.h"

namespace witan {

Result<void> expect_count(std::string_view what, std::size_t found, std::size_t expected) {
  if (found == expected) return {};
  return fail(ErrorCode::kMalformed, std::string(what) + ": " + std::to_string(found) +
                                         " elements, expected " + std::to_string(expected));
}

Result<std::size_t> read_count(CborReader& reader, std::string_view what, std::size_t most) {
  WITAN_ASSIGN(const std::size_t found, reader.read_array());
  if (found <= most) return found;
  return fail(ErrorCode::kTooLarge, std::string(what) + ": " + std::to_string(found) +
                                        ", expected at most " + std::to_string(most));
}

CborWriter begin_message(std::size_t elements, std::string_view word) {
  CborWriter writer;
  writer.array(elements).unsigned_integer(kEnclaveProtocolVersion).text(word);
  return writer;
}

void write_verifier_keys(CborWriter& writer, const std::vector<VerifierKey>& keys) {
  writer.array(keys.size());
  for (const VerifierKey& key : keys) {
    writer.array(3).text(key.name).unsigned_integer(static_cast<std::uint8_t>(key.algorithm));
    writer.bytes(key.key);
  }
}

Result<std::vector<VerifierKey>> read_verifier_keys(CborReader& reader, std::size_t most) {
  WITAN_ASSIGN(const std::size_t count, read_count(reader, "keys", most));
  std::vector<VerifierKey> out;
  out.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    WITAN_ASSIGN(const std::size_t elements, reader.read_array());
    WITAN_TRY(expect_count("key", elements, 3));
    WITAN_ASSIGN(const std::string_view name, reader.read_text());
    WITAN_ASSIGN(const std::uint64_t algorithm, reader.read_unsigned());
    WITAN_ASSIGN(const BytesView key, reader.read_bytes());
    if (algorithm > 255) {
      return fail(ErrorCode::kUnsupported, "key of type " + std::to_string(algorithm));
    }
    WITAN_ASSIGN(VerifierKey verifier,
                 VerifierKey::make(std::string(name), static_cast<NoteAlgorithm>(algorithm), key));
    out.push_back(std::move(verifier));
  }
  return out;
}

}  // namespace witan
