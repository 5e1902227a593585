// The attestation key and its signatures: TPMT_SIGNATURE and the plain forms.

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "config/limits.h"
#include "ledger/attestation/field_reader.h"
#include "ledger/attestation/tpm_verify.h"
#include "ledger/crypto/ecdsa_der.h"
#include "ledger/crypto/hardware_signature.h"

namespace witan {
namespace {

constexpr std::uint16_t kTpmRsaSsa = 0x0014, kTpmRsaPss = 0x0016, kTpmEcdsa = 0x0018;
constexpr std::uint8_t kDerSequence = 0x30;
constexpr std::size_t kRsaBytesMax = limits::kRsaBitsMax / 8;
// tcg-kp-AIKCertificate.
constexpr std::string_view kAttestationKeyUsage = "2.23.133.8.3";

struct ParsedTpmSignature {
  HardwareScheme scheme = HardwareScheme::kEcdsa;
  HashFunction hash = HashFunction::kSha256;
  Bytes value;
};

std::size_t curve_bytes(KeyKind kind) {
  return kind == KeyKind::kP256   ? 32
         : kind == KeyKind::kP384 ? 48
         : kind == KeyKind::kP521 ? 66
                                  : 0;
}

// A number of a TPMS_SIGNATURE_ECDSA, as wide as the curve's.
Result<void> read_number(FieldReader& reader, KeyKind curve, std::string_view name, Bytes& out) {
  const std::size_t width = curve_bytes(curve);
  WITAN_ASSIGN(const BytesView number, reader.read_sized16(width, name));
  out.insert(out.end(), width - number.size(), 0);
  append(out, number);
  return {};
}

Result<ParsedTpmSignature> parse_tpmt(const PublicKey& key, BytesView signature) {
  FieldReader reader(signature, ByteOrder::kBig, "TPMT_SIGNATURE");
  ParsedTpmSignature out;
  WITAN_ASSIGN(const std::uint16_t scheme, reader.read_u16("algorithm"));
  if (scheme != kTpmEcdsa && scheme != kTpmRsaSsa && scheme != kTpmRsaPss) {
    return reader.fault(ErrorCode::kUnsupported, "algorithm " + std::to_string(scheme) +
                                                     ", expected 20 (RSASSA), 22 (RSAPSS) or 24 "
                                                     "(ECDSA)");
  }
  WITAN_ASSIGN(const std::uint16_t algorithm, reader.read_u16("digest algorithm"));
  WITAN_ASSIGN(out.hash, tpm_hash(algorithm));
  if ((scheme == kTpmEcdsa) != (curve_bytes(key.kind()) != 0)) {
    return reader.fault(ErrorCode::kUnsupported, "algorithm " + std::to_string(scheme) +
                                                     " does not fit a key of kind " +
                                                     std::string(to_string(key.kind())));
  }
  if (scheme == kTpmEcdsa) {
    WITAN_TRY(read_number(reader, key.kind(), "r", out.value));
    WITAN_TRY(read_number(reader, key.kind(), "s", out.value));
  } else {
    out.scheme = scheme == kTpmRsaSsa ? HardwareScheme::kRsaPkcs1 : HardwareScheme::kRsaPss;
    WITAN_ASSIGN(const BytesView value, reader.read_sized16(kRsaBytesMax, "signature"));
    out.value = to_bytes(value);
  }
  WITAN_TRY(reader.expect_end());
  return out;
}

Result<ParsedTpmSignature> parse_tpm_signature(const PublicKey& key, BytesView signature) {
  if (signature.size() > limits::kTpmSignatureBytesMax) {
    return fail(ErrorCode::kTooLarge, "TPM signature of " + std::to_string(signature.size()) +
                                          " bytes, expected at most " +
                                          std::to_string(limits::kTpmSignatureBytesMax));
  }
  if (key.kind() == KeyKind::kRsa && signature.size() == key.rsa_n().size()) {
    return ParsedTpmSignature{HardwareScheme::kRsaPkcs1, HashFunction::kSha256,
                              to_bytes(signature)};
  }
  if (curve_bytes(key.kind()) == 0 || signature.empty() || signature[0] != kDerSequence) {
    return parse_tpmt(key, signature);
  }
  ParsedTpmSignature out;
  out.hash = key.kind() == KeyKind::kP256   ? HashFunction::kSha256
             : key.kind() == KeyKind::kP384 ? HashFunction::kSha384
                                            : HashFunction::kSha512;
  WITAN_ASSIGN(out.value, ecdsa_from_der(signature, key.kind()));
  return out;
}

}  // namespace

Result<TpmAttestationKey> tpm_pinned_key(BytesView pem_or_der) {
  const bool der = !pem_or_der.empty() && pem_or_der[0] == kDerSequence;
  auto key = der ? PublicKey::from_spki(pem_or_der) : PublicKey::from_pem(as_text(pem_or_der));
  if (!key) return fail(key.error().within("TPM attestation key"));
  return TpmAttestationKey{std::move(*key), false};
}

Result<TpmAttestationKey> tpm_certified_key(std::span<const Certificate> chain,
                                            std::span<const Certificate> roots,
                                            std::int64_t time_s) {
  if (auto verified = verify_chain(chain, roots, {.time_s = time_s}); !verified) {
    return fail(verified.error().within("TPM attestation key"));
  }
  const KeyUsage usage = chain.front().key_usage();
  if (usage.present && !usage.digital_signature) {
    return fail(ErrorCode::kBadIdentity,
                "TPM attestation key: the certificate's key usage does not allow signatures");
  }
  const auto extended = chain.front().extended_key_usage();
  if (!extended ||
      std::find(extended->begin(), extended->end(), kAttestationKeyUsage) == extended->end()) {
    return fail(ErrorCode::kBadIdentity,
                "TPM attestation key: the certificate's extended key usage does not name "
                "attestation keys of TPMs (" +
                    std::string(kAttestationKeyUsage) + ")");
  }
  return TpmAttestationKey{chain.front().public_key(), true};
}

Result<HashFunction> verify_tpm_signature(const PublicKey& key, BytesView attest,
                                          BytesView signature) {
  WITAN_ASSIGN(const ParsedTpmSignature parsed, parse_tpm_signature(key, signature));
  auto verified = verify_hardware_signature(key, parsed.scheme, parsed.hash, attest, parsed.value);
  if (!verified) return fail(verified.error().within("TPM attestation"));
  return parsed.hash;
}

}  // namespace witan
