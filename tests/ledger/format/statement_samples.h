#pragma once
// Statements for tests: one that is right, and the pieces to build wrong ones from.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "config/limits.h"
#include "ledger/crypto/private_key.h"
#include "ledger/crypto/secret.h"
#include "ledger/format/cbor.h"
#include "ledger/format/cose.h"
#include "ledger/format/statement.h"
#include "tests/support/vectors.h"

namespace witan::test {

inline constexpr std::uint8_t kEmptyMapByte = 0xa0;
inline const BytesView kNoHeaders{&kEmptyMapByte, 1};

inline Bytes bytes_of(std::string_view text) {
  return to_bytes(as_bytes(text));
}
inline Bytes file_bytes(const std::filesystem::path& path) {
  return bytes_of(read_file(path));
}

inline PrivateKey make_key(KeyKind kind = KeyKind::kEd25519) {
  init_crypto();
  return PrivateKey::generate(kind).value();
}

inline StatementRequest sample_request() {
  StatementRequest request;
  request.issuer = "https://example.com";
  request.subject = "pkg:deb/debian/witan@1";
  request.content_type = "application/json";
  request.issued_at_s = 1'760'000'000;
  request.payload = bytes_of("{\"name\":\"witan\"}");
  return request;
}

// Signs a protected header as it is, right or wrong.
inline Bytes sign_raw(const PrivateKey& key, BytesView header, BytesView payload,
                      BytesView unprotected = kNoHeaders) {
  const Algorithm algorithm = default_algorithm(key.public_key().kind());
  const Bytes signature = key.sign(algorithm, cose_to_be_signed(header, payload)).value();
  return cose_sign1_encode(header, unprotected, payload, signature);
}

// A protected header in which each part can be left out or replaced.
struct HeaderParts {
  std::function<void(CborWriter&)> algorithm = [](CborWriter& out) { out.integer(1).integer(-8); };
  std::function<void(CborWriter&)> key_id = [](CborWriter& out) {
    out.integer(4).bytes(as_bytes("kid"));
  };
  std::function<void(CborWriter&)> claims = [](CborWriter& out) {
    out.integer(15).map(2).integer(1).text("https://example.com").integer(2).text("subject");
  };
  std::function<void(CborWriter&)> more;
  std::size_t more_pairs = 1;

  [[nodiscard]] Bytes encode() const {
    CborWriter out;
    out.map((algorithm ? 1U : 0U) + (key_id ? 1U : 0U) + (claims ? 1U : 0U) +
            (more ? more_pairs : 0U));
    for (const auto& part : {algorithm, key_id, claims, more}) {
      if (part) part(out);
    }
    return out.take();
  }
};

}  // namespace witan::test
