#include "enclave/state.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <vector>

#include "config/limits.h"
#include "enclave/messages.h"
#include "ledger/encoding.h"
#include "ledger/format/cbor.h"
#include "ledger/format/cose.h"
#include "ledger/format/note.h"

namespace witan {
namespace {

constexpr std::uint64_t kStateVersion = 1;
constexpr std::size_t kStateElements = 9;

// Leaves room for a secret and gives its place. The writer's buffer moves while it grows, and the
// old ones are not wiped: secrets are put in when it has its final size.
std::size_t reserve_secret(CborWriter& writer, std::size_t size) {
  writer.bytes(Bytes(size));
  return writer.data().size() - size;
}

Result<Frontier> read_frontier(CborReader& reader) {
  TreeSize size;
  WITAN_ASSIGN(size.value, reader.read_unsigned());
  WITAN_ASSIGN(const BytesView bytes, reader.read_bytes());
  if (bytes.size() % sizeof(Hash32) != 0) {
    return fail(ErrorCode::kMalformed, "state: frontier of " + std::to_string(bytes.size()) +
                                           " bytes, expected a multiple of 32");
  }
  std::vector<Hash32> hashes(bytes.size() / sizeof(Hash32));
  if (!bytes.empty()) std::memcpy(hashes.data(), bytes.data(), bytes.size());
  return Frontier::restore(size, std::move(hashes));
}

Result<PrivateKey> read_key(CborReader& reader, KeyKind kind) {
  WITAN_ASSIGN(const BytesView secret, reader.read_bytes());
  WITAN_ASSIGN(PrivateKey key, PrivateKey::from_secret(kind, secret));
  if (key.public_key().kind() != kind) {
    return fail(ErrorCode::kMalformed, "state: a key of another kind than expected");
  }
  return key;
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return (c >= 0 && c < ' ') || c == '\x7f'; });
}

Result<void> check_consistent(const EnclaveState& state) {
  const TreeSize size = state.frontier.size();
  if (!state.last) {
    if (size.value == 0) return {};
    return fail(ErrorCode::kMalformed,
                "state: " + std::to_string(size.value) + " leaves without a signed head");
  }
  if (size.value < 2 || state.last->head.size != size ||
      state.last->head.root != state.frontier.root()) {
    return fail(ErrorCode::kMalformed,
                "state: the signed head of size " + std::to_string(state.last->head.size.value) +
                    " is not that of the frontier of " + std::to_string(size.value) + " leaves");
  }
  return {};
}

}  // namespace

EnclaveKeys EnclaveKeys::make(PrivateKey note, PrivateKey cose) {
  const Hash32 note_thumbprint = cose_key_thumbprint(note.public_key());
  const Hash32 cose_thumbprint = cose_key_thumbprint(cose.public_key());
  return EnclaveKeys{std::move(note), std::move(cose), note_thumbprint, cose_thumbprint};
}

Result<void> check_names(std::string_view origin, std::string_view issuer) {
  if (!valid_key_name(origin) || has_control(origin)) {
    return fail(ErrorCode::kMalformed, "origin \"" + printable(origin) +
                                           "\", expected 1 to 255 characters of UTF-8 without "
                                           "spaces, control characters and '+'");
  }
  if (issuer.size() > limits::kIssuerCharsMax) {
    return fail(ErrorCode::kTooLarge, "issuer of " + std::to_string(issuer.size()) +
                                          " bytes, expected at most " +
                                          std::to_string(limits::kIssuerCharsMax));
  }
  if (issuer.empty() || has_control(issuer) || !is_utf8(as_bytes(issuer))) {
    return fail(ErrorCode::kMalformed,
                "issuer \"" + printable(issuer) + "\", expected UTF-8 without control characters");
  }
  return {};
}

SecretBytes encode_state(const EnclaveState& state) {
  const SecretBytes note(state.keys->note.to_secret());
  const SecretBytes cose(state.keys->cose.to_secret());
  CborWriter writer;
  writer.array(kStateElements).unsigned_integer(kStateVersion);
  const std::size_t note_at = reserve_secret(writer, note.view().size());
  const std::size_t cose_at = reserve_secret(writer, cose.view().size());
  writer.unsigned_integer(state.generation).text(state.origin).text(state.issuer);
  const std::vector<Hash32>& hashes = state.frontier.hashes();
  writer.array(2).unsigned_integer(state.frontier.size().value);
  writer.bytes(
      {reinterpret_cast<const std::uint8_t*>(hashes.data()), hashes.size() * sizeof(Hash32)});
  if (state.last) {
    write_signed_head(writer, *state.last);
  } else {
    writer.null();
  }
  writer.bytes(state.last_append);
  Bytes out = writer.take();
  std::copy(note.view().begin(), note.view().end(), out.data() + note_at);
  std::copy(cose.view().begin(), cose.view().end(), out.data() + cose_at);
  return SecretBytes(std::move(out));
}

Result<EnclaveState> decode_state(BytesView bytes) {
  WITAN_ASSIGN(CborReader reader, CborReader::make(bytes, {.minimal = true, .indefinite = false}));
  WITAN_ASSIGN(const std::size_t elements, reader.read_array());
  if (elements != kStateElements) {
    return fail(ErrorCode::kMalformed,
                "state: " + std::to_string(elements) + " elements, expected 9");
  }
  WITAN_ASSIGN(const std::uint64_t version, reader.read_unsigned());
  if (version != kStateVersion) {
    return fail(ErrorCode::kUnsupported,
                "state: version " + std::to_string(version) + ", expected 1");
  }
  WITAN_ASSIGN(PrivateKey note, read_key(reader, KeyKind::kEd25519));
  WITAN_ASSIGN(PrivateKey cose, read_key(reader, KeyKind::kP256));
  EnclaveState state;
  state.keys =
      std::make_shared<const EnclaveKeys>(EnclaveKeys::make(std::move(note), std::move(cose)));
  WITAN_ASSIGN(state.generation, reader.read_unsigned());
  WITAN_ASSIGN(state.origin, reader.read_text());
  WITAN_ASSIGN(state.issuer, reader.read_text());
  WITAN_TRY(check_names(state.origin, state.issuer));
  WITAN_ASSIGN(const std::size_t frontier, reader.read_array());
  if (frontier != 2) {
    return fail(ErrorCode::kMalformed,
                "state: frontier of " + std::to_string(frontier) + " elements, expected 2");
  }
  WITAN_ASSIGN(state.frontier, read_frontier(reader));
  if (reader.peek() == CborType::kNull) {
    WITAN_TRY(reader.read_null());
  } else {
    WITAN_ASSIGN(state.last, read_signed_head(reader));
  }
  WITAN_ASSIGN(const BytesView digest, reader.read_bytes());
  WITAN_ASSIGN(state.last_append, hash_from_bytes(digest));
  WITAN_TRY(check_consistent(state));
  return state;
}

}  // namespace witan
