#pragma once
// What a TPM would sign, made by the test with keys of its own.

#include <cstdint>
#include <string_view>
#include <vector>

#include "ledger/attestation/tpm_verify.h"
#include "ledger/bytes.h"
#include "ledger/crypto/digest.h"
#include "ledger/crypto/private_key.h"
#include "tests/support/catch.h"

namespace witan::test {

inline constexpr std::uint16_t kTpmSha256Id = 0x000b;
inline constexpr std::uint32_t kNvCounterWritten =
    std::uint32_t{1} << 29 | std::uint32_t{1} << 25 | std::uint32_t{1} << 4;

// Big-endian fields, one after the other.
class TpmWriter {
 public:
  TpmWriter& number(std::uint64_t value, int size) {
    for (int shift = 8 * (size - 1); shift >= 0; shift -= 8) {
      out_.push_back(static_cast<std::uint8_t>(value >> shift));
    }
    return *this;
  }
  TpmWriter& raw(BytesView bytes) {
    append(out_, bytes);
    return *this;
  }
  TpmWriter& sized(BytesView bytes) { return number(bytes.size(), 2).raw(bytes); }
  [[nodiscard]] const Bytes& bytes() const { return out_; }

 private:
  Bytes out_;
};

// Everything of a TPMS_ATTEST before what is attested.
inline TpmWriter tpm_attest_head(std::uint16_t type, BytesView extra_data) {
  TpmWriter out;
  out.number(0xff544347, 4).number(type, 2).sized(Bytes(34, 0x0b)).sized(extra_data);
  return out.number(123'456, 8).number(7, 4).number(1, 4).number(1, 1).number(0x2019'1023, 8);
}

// A quote over PCRs of the SHA-256 bank, ascending and below 24.
inline Bytes make_tpm_quote(BytesView nonce, const std::vector<TpmPcr>& pcrs,
                            HashFunction hash = HashFunction::kSha256) {
  Bytes bits(3);
  Bytes values;
  for (const TpmPcr& pcr : pcrs) {
    bits[pcr.index / 8] |= static_cast<std::uint8_t>(1u << (pcr.index % 8));
    append(values, pcr.value);
  }
  TpmWriter out = tpm_attest_head(0x8018, nonce);
  out.number(1, 4).number(kTpmSha256Id, 2).number(bits.size(), 1).raw(bits);
  return out.sized(digest(hash, values)).bytes();
}

inline Bytes make_nv_public(std::uint32_t attributes, std::uint16_t size) {
  TpmWriter out;
  return out.number(0x01500016, 4)
      .number(kTpmSha256Id, 2)
      .number(attributes, 4)
      .sized({})
      .number(size, 2)
      .bytes();
}

inline Bytes make_tpm_nv(BytesView nv_public, BytesView extra_data, BytesView contents,
                         std::uint16_t offset = 0) {
  TpmWriter name;
  name.number(kTpmSha256Id, 2).raw(digest(HashFunction::kSha256, nv_public));
  TpmWriter out = tpm_attest_head(0x8014, extra_data);
  return out.sized(name.bytes()).number(offset, 2).sized(contents).bytes();
}

// A TPMT_SIGNATURE by ECDSA, in the digest that COSE pairs with the curve.
inline Bytes tpm_sign(const PrivateKey& key, BytesView attest) {
  const auto signature = key.sign(default_algorithm(key.public_key().kind()), attest);
  REQUIRE(signature);
  const BytesView both(*signature);
  const bool p256 = both.size() == 64;
  TpmWriter out;
  out.number(0x0018, 2).number(p256 ? 0x000b : 0x000c, 2);
  return out.sized(both.first(both.size() / 2)).sized(both.last(both.size() / 2)).bytes();
}

inline TpmAttestationKey tpm_key(const PrivateKey& key) {
  return {key.public_key(), false};
}

}  // namespace witan::test
