#pragma once
// Nitro documents with a chain that the test makes.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ledger/attestation/nitro_document.h"
#include "ledger/crypto/secret.h"
#include "ledger/format/cbor.h"
#include "ledger/format/cose.h"
#include "tests/ledger/registration/certificate_maker.h"
#include "tests/support/catch.h"

namespace witan::test {

inline constexpr std::uint64_t kNitroTimeMs = 1'800'000'000'123;

inline PrivateKey nitro_key() {
  init_crypto();
  return PrivateKey::generate(KeyKind::kP384).value();
}

// A document and what it is made of; a test changes a part and encodes again.
struct NitroMaker {
  PrivateKey root_key = nitro_key(), middle_key = nitro_key(), leaf_key = nitro_key();
  Certificate root =
      make_certificate({.name = "Root", .extensions = kCaExtensions}, root_key, "Root", root_key);
  Certificate middle = make_certificate({.name = "Middle", .extensions = kCaExtensions}, middle_key,
                                        "Root", root_key);
  Certificate leaf = make_certificate({.name = "Leaf",
                                       .not_before_s = kNitroTimeMs / 1'000 - 10,
                                       .not_after_s = kNitroTimeMs / 1'000 + 10'800},
                                      leaf_key, "Middle", middle_key);
  std::string digest = "SHA384";
  std::uint64_t timestamp_ms = kNitroTimeMs;
  std::map<std::uint64_t, Bytes> pcrs = {{0, Bytes(48, 1)}, {1, Bytes(48, 2)}, {2, Bytes(48, 3)}};
  std::vector<Bytes> cabundle = {to_bytes(root.der()), to_bytes(middle.der())};
  std::optional<Bytes> nonce = Bytes{1, 2, 3};
  bool indefinite = false;
  Bytes more_pairs = {};  // encoded
  std::size_t more = 0;

  [[nodiscard]] Hash32 root_fingerprint() const {
    Hash32 out{};
    const Bytes print = root.fingerprint(HashFunction::kSha256);
    std::copy(print.begin(), print.end(), out.begin());
    return out;
  }
  [[nodiscard]] Bytes payload() const {
    CborWriter out;
    // The heads and the end of maps and arrays of indefinite length.
    const auto begin = [&](bool map, std::size_t size) {
      if (indefinite) {
        out.raw(Bytes{static_cast<std::uint8_t>(map ? 0xbf : 0x9f)});
      } else if (map) {
        out.map(size);
      } else {
        out.array(size);
      }
    };
    const auto end = [&] {
      if (indefinite) out.raw(Bytes{0xff});
    };
    begin(true, 9 + more);
    out.text("module_id").text("i-1").text("digest").text(digest);
    out.text("timestamp").unsigned_integer(timestamp_ms).text("pcrs");
    begin(true, pcrs.size());
    for (const auto& [index, value] : pcrs) out.unsigned_integer(index).bytes(value);
    end();
    out.text("certificate").bytes(leaf.der()).text("cabundle");
    begin(false, cabundle.size());
    for (const Bytes& der : cabundle) out.bytes(der);
    end();
    out.text("public_key").bytes(Bytes(64, 4)).text("user_data").null().text("nonce");
    if (nonce) {
      out.bytes(*nonce);
    } else {
      out.null();
    }
    out.raw(more_pairs);
    end();
    return out.take();
  }
  // The untagged COSE_Sign1 under any headers.
  [[nodiscard]] Bytes document(const Bytes& protected_bytes = {0xa1, 0x01, 0x38, 0x22},
                               const Bytes& unprotected = {0xa0},
                               Algorithm algorithm = Algorithm::kEs384) const {
    const Bytes signed_payload = payload();
    const auto signature =
        leaf_key.sign(algorithm, cose_to_be_signed(protected_bytes, signed_payload));
    REQUIRE(signature);
    const Bytes tagged =
        cose_sign1_encode(protected_bytes, unprotected, signed_payload, *signature);
    return {tagged.begin() + 1, tagged.end()};
  }
  [[nodiscard]] NitroPolicy policy() const {
    NitroPolicy out;
    out.roots = {root_fingerprint()};
    return out;
  }
  [[nodiscard]] Result<NitroResult> verify(const NitroPolicy& policy) const {
    return verify_nitro_document(document(), policy);
  }
  [[nodiscard]] Result<NitroResult> verify() const { return verify(policy()); }
};

}  // namespace witan::test
