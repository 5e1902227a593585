#pragma once
// TPM 2.0 evidence, verified offline: a quote over PCRs, and a certified NV index (a monotonic
// counter that signs for a checkpoint).
//
// What is proven is bound to the attestation key. A key that is pinned proves that the same key
// signed, and nothing about where it lives: swtpm's is no other. Only a key with a chain to a root
// that the caller trusts for TPMs makes grade `tpm`; else the caller concludes `process`.
// Sources: TCG TPM 2.0 Library, part 2, section 11.3 (signatures); part 3, sections 18.4
// (TPM2_Quote) and 31.16 (TPM2_NV_Certify); TCG EK Credential Profile for the key's certificate.

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "config/result.h"
#include "ledger/attestation/tpm_attest.h"
#include "ledger/bytes.h"
#include "ledger/crypto/public_key.h"
#include "ledger/crypto/x509.h"
#include "ledger/ports/signer.h"

namespace witan {

struct TpmAttestationKey {
  PublicKey key;
  bool trusted_chain = false;  // a root that the caller trusts says that a TPM holds it
};

// A key that the caller knows, as PEM or DER SubjectPublicKeyInfo. Errors of PublicKey.
[[nodiscard]] Result<TpmAttestationKey> tpm_pinned_key(BytesView pem_or_der);
// The key of chain[0], with the rest as intermediates to one of `roots`, all valid at `time_s`
// (seconds since 1970). The leaf's key usage must allow signatures and its extended key usage must
// name attestation keys of TPMs (2.23.133.8.3), so that a root that also issues certificates for
// other ends vouches for these alone. kBadIdentity.
[[nodiscard]] Result<TpmAttestationKey> tpm_certified_key(std::span<const Certificate> chain,
                                                          std::span<const Certificate> roots,
                                                          std::int64_t time_s);

// Succeeds when `signature` over `attest` verifies under `key`. It is a TPMT_SIGNATURE (ECDSA,
// RSASSA or RSAPSS; SHA-256, SHA-384 or SHA-512), or plain as `tpm2_quote -f plain` writes it: the
// DER of an ECDSA signature with SHA-256 (SHA-384 on P-384, SHA-512 on P-521), or that of RSASSA
// with SHA-256, as long as the modulus. Gives the digest algorithm of the signature.
// kMalformed, kTooLarge, kUnsupported, kBadSignature.
[[nodiscard]] Result<HashFunction> verify_tpm_signature(const PublicKey& key, BytesView attest,
                                                        BytesView signature);

// A PCR's value.
struct TpmPcr {
  std::uint16_t algorithm = 0;  // TPM_ALG_ID of the bank
  unsigned index = 0;
  Bytes value;  // as long as the bank's digest
  friend bool operator==(const TpmPcr&, const TpmPcr&) = default;
};

struct TpmQuoteEvidence {
  BytesView attest;          // TPMS_ATTEST
  BytesView signature;       // as verify_tpm_signature takes it
  std::vector<TpmPcr> pcrs;  // values that are claimed, of any PCRs in any order; may be empty
};

struct TpmQuotePolicy {
  std::optional<Bytes> nonce;    // must be the quote's extra data; nullopt: not compared
  std::vector<TpmPcr> required;  // the quote must prove these values
};

struct TpmQuoteResult {
  TpmAttest attest;
  bool trusted_chain = false;
  bool nonce_checked = false;
  // The PCRs that the quote proves: those claimed that it selects. Empty when no values came with
  // the quote: then only its digest is known.
  std::vector<TpmPcr> pcrs;
  [[nodiscard]] Grade grade() const { return trusted_chain ? Grade::kTpm : Grade::kProcess; }
};

// kMalformed, kTooLarge, kUnsupported, kBadSignature; kStale (another nonce); kBadProof (the values
// are not those of the digest, or some that it covers are missing); kRefused (the policy's values).
[[nodiscard]] Result<TpmQuoteResult> verify_tpm_quote(const TpmQuoteEvidence& evidence,
                                                      const TpmAttestationKey& key,
                                                      const TpmQuotePolicy& policy);

struct TpmNvEvidence {
  BytesView attest;
  BytesView signature;
  // TPMS_NV_PUBLIC or TPM2B_NV_PUBLIC; nullopt: then only the index's name is known, not what kind
  // of index it is.
  std::optional<BytesView> nv_public = std::nullopt;
};

struct TpmNvPolicy {
  // The extra data must be the SHA-256 of this text, a checkpoint; nullopt: not compared.
  std::optional<std::string_view> checkpoint = std::nullopt;
  // The name that the index must have, as learned before; nullopt: any.
  std::optional<Bytes> index_name = std::nullopt;
  // The index must be a written one of this type, which needs its public area; nullopt: any.
  std::optional<TpmNvType> type = std::nullopt;
};

struct TpmNvResult {
  TpmAttest attest;
  bool trusted_chain = false;
  bool checkpoint_checked = false;
  Bytes index_name;
  // The public area that the name was computed from.
  std::optional<TpmNvPublic> nv_public;
  Bytes contents;  // all of the index, or a part (attest's offset)
  // The value of a counter: eight bytes from offset 0, of an index whose public area says that it
  // counts. Without the area any index of eight bytes looks the same, and there is none.
  std::optional<std::uint64_t> counter;
  [[nodiscard]] Grade grade() const { return trusted_chain ? Grade::kTpm : Grade::kProcess; }
};

// kMalformed, kTooLarge, kUnsupported, kBadSignature; kBadProof (another checkpoint, or a public
// area that is not the index's); kRefused (the policy's name and type).
[[nodiscard]] Result<TpmNvResult> verify_tpm_nv(const TpmNvEvidence& evidence,
                                                const TpmAttestationKey& key,
                                                const TpmNvPolicy& policy);

}  // namespace witan
