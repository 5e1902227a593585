#pragma once
// TDX quotes of a platform that the test makes: its own root, PCK certificate, quoting enclave.

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "ledger/attestation/chain.h"
#include "ledger/attestation/tdx_verify.h"
#include "ledger/crypto/secret.h"
#include "ledger/crypto/sha256.h"
#include "ledger/encoding.h"
#include "tests/ledger/registration/certificate_maker.h"
#include "tests/support/catch.h"

namespace witan::test {

inline constexpr std::int64_t kTdxTime = 1'800'000'000;

// A DER element; what is short enough for one or two bytes of length.
inline Bytes der_element(std::uint8_t tag, const Bytes& content) {
  Bytes out{tag};
  if (content.size() > 0xff) {
    out.insert(out.end(), {0x82, static_cast<std::uint8_t>(content.size() >> 8)});
  } else if (content.size() > 0x7f) {
    out.push_back(0x81);
  }
  out.push_back(static_cast<std::uint8_t>(content.size()));
  append(out, content);
  return out;
}

// SEQUENCE {1.2.840.113741.1.13.1.<path>, value}.
inline Bytes sgx_part(const Bytes& path, const Bytes& value) {
  Bytes oid{0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01};
  append(oid, path);
  Bytes both = der_element(0x06, oid);
  append(both, value);
  return der_element(0x30, both);
}

// What OpenSSL's configuration takes for the extension of a PCK certificate: FMSPC 010203040506.
inline std::string sgx_extension(bool with_fmspc) {
  Bytes tcb;
  for (std::uint8_t part = 1; part <= 17; ++part) {
    append(tcb, sgx_part({2, part}, der_element(0x02, {part == 17 ? std::uint8_t{11} : part})));
  }
  Bytes all = sgx_part({2}, der_element(0x30, tcb));
  append(all, sgx_part({3}, der_element(0x04, {0, 0})));
  if (with_fmspc) append(all, sgx_part({4}, der_element(0x04, {1, 2, 3, 4, 5, 6})));
  return "DER:" + hex_encode(der_element(0x30, all));
}

inline std::array<std::uint8_t, 64> sign_es256(const PrivateKey& key, BytesView message) {
  const auto signature = key.sign(Algorithm::kEs256, message);
  REQUIRE(signature);
  std::array<std::uint8_t, 64> out{};
  std::copy(signature->begin(), signature->end(), out.begin());
  return out;
}

inline void little(Bytes& out, std::uint64_t value, int size) {
  for (int i = 0; i < size; ++i) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

struct TdxMaker {
  TestChain chain =
      (init_crypto(),
       TestChain({.name = "PCK", .extensions = {{"1.2.840.113741.1.13.1", sgx_extension(true)}}}));
  PrivateKey attestation_key = PrivateKey::generate(KeyKind::kP256).value();
  std::uint16_t version = 4, body_type = 2;
  std::uint16_t key_type = 2;
  std::uint8_t td_attributes = 0, qe_attributes = 0x11, seam_signer = 0;
  std::uint16_t product = kIntelTdQuotingEnclave.product;
  Hash32 qe_signer = kIntelTdQuotingEnclave.mr_signer;
  Bytes auth_data = Bytes(32, 7);
  Bytes vouched_auth_data = Bytes(32, 7);
  std::string pem = pem_of(chain.leaf) + pem_of(chain.middle) + pem_of(chain.root);

  [[nodiscard]] TdxPolicy policy() const {
    TdxPolicy out;
    out.roots = {{"test root", sha256(chain.root.public_key().spki())}};
    return out;
  }
  [[nodiscard]] Bytes signed_part() const {
    Bytes out;
    little(out, version, 2);
    little(out, key_type, 2);
    little(out, 0x81, 4);
    out.resize(48);
    if (version == 5) {
      little(out, body_type, 2);
      little(out, body_type == 2 ? 584 : 648, 4);
    }
    const std::size_t body = out.size();
    out.resize(body + (version == 5 && body_type == 3 ? 648 : 584));
    out[body + 64] = seam_signer;
    out[body + 120] = td_attributes;
    out[body + 136] = 0x11;  // MRTD
    out[body + 328] = 0x22;  // RTMR0
    out[body + 520] = 0x33;  // REPORTDATA
    return out;
  }
  [[nodiscard]] Bytes qe_report() const {
    Bytes out(384);
    out[48] = qe_attributes;
    std::copy(qe_signer.begin(), qe_signer.end(), out.begin() + 128);
    out[256] = static_cast<std::uint8_t>(product);
    out[258] = 4;  // ISVSVN
    const Hash32 vouched = sha256({attestation_key.public_key().raw(), vouched_auth_data});
    std::copy(vouched.begin(), vouched.end(), out.begin() + 320);
    return out;
  }
  [[nodiscard]] Bytes quote() const {
    const Bytes report = qe_report();
    Bytes certification = report;
    append(certification, sign_es256(chain.leaf_key, report));
    little(certification, auth_data.size(), 2);
    append(certification, auth_data);
    little(certification, 5, 2);
    little(certification, pem.size(), 4);
    append(certification, as_bytes(pem));
    Bytes out = signed_part();
    Bytes data = to_bytes(sign_es256(attestation_key, out));
    append(data, attestation_key.public_key().raw());
    little(data, 6, 2);
    little(data, certification.size(), 4);
    append(data, certification);
    little(out, data.size(), 4);
    append(out, data);
    return out;
  }
  [[nodiscard]] Result<TdxResult> verify(const TdxPolicy& policy,
                                         const TdxCollateral& collateral = {}) const {
    return verify_tdx_quote(quote(), collateral, policy, kTdxTime);
  }
  [[nodiscard]] Result<TdxResult> verify() const { return verify(policy()); }
};

}  // namespace witan::test
