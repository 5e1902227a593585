#include "ledger/attestation/tpm_verify.h"

#include <algorithm>
#include <string>
#include <utility>

#include "ledger/attestation/field_reader.h"
#include "ledger/crypto/sha256.h"
#include "ledger/encoding.h"

namespace witan {
namespace {

constexpr std::size_t kSha1Bytes = 20;
constexpr std::size_t kCounterBytes = 8;

std::string pcr_name(std::uint16_t algorithm, unsigned index) {
  return "PCR " + std::to_string(index) + " of bank " + std::to_string(algorithm);
}

const TpmPcr* find_pcr(const std::vector<TpmPcr>& pcrs, std::uint16_t algorithm, unsigned index) {
  const auto found = std::find_if(pcrs.begin(), pcrs.end(), [&](const TpmPcr& pcr) {
    return pcr.algorithm == algorithm && pcr.index == index;
  });
  return found == pcrs.end() ? nullptr : &*found;
}

Result<std::size_t> bank_bytes(std::uint16_t algorithm) {
  const auto hash = tpm_hash(algorithm);
  return hash ? digest_bytes(*hash) : kSha1Bytes;  // the parser has refused every other bank
}

// The values of all PCRs that the quote selects, in the order in which it hashed them.
Result<std::vector<TpmPcr>> proven_pcrs(const TpmQuoteBody& body,
                                        const std::vector<TpmPcr>& claimed, HashFunction hash) {
  std::vector<TpmPcr> out;
  Bytes all;
  for (const TpmPcrSelection& selection : body.selections) {
    WITAN_ASSIGN(const std::size_t size, bank_bytes(selection.algorithm));
    for (const unsigned index : selection.pcrs) {
      const TpmPcr* pcr = find_pcr(claimed, selection.algorithm, index);
      if (pcr == nullptr || pcr->value.size() != size) {
        return fail(ErrorCode::kBadProof,
                    "TPM quote: it covers " + pcr_name(selection.algorithm, index) +
                        (pcr == nullptr ? ", whose value is missing"
                                        : ", whose value has " + std::to_string(pcr->value.size()) +
                                              " bytes, expected " + std::to_string(size)));
      }
      append(all, pcr->value);
      out.push_back(*pcr);
    }
  }
  const Bytes found = digest(hash, all);
  if (found != body.pcr_digest) {
    return fail(ErrorCode::kBadProof, "TPM quote: the PCR values have the digest " +
                                          hex_encode(found) + ", the quote is over " +
                                          hex_encode(body.pcr_digest));
  }
  return out;
}

Result<void> check_required(const std::vector<TpmPcr>& proven,
                            const std::vector<TpmPcr>& required) {
  for (const TpmPcr& wanted : required) {
    const TpmPcr* found = find_pcr(proven, wanted.algorithm, wanted.index);
    if (found == nullptr) {
      return fail(ErrorCode::kRefused, "TPM quote: it does not prove the value of " +
                                           pcr_name(wanted.algorithm, wanted.index) +
                                           ", which the policy names");
    }
    if (found->value != wanted.value) {
      return fail(ErrorCode::kRefused, "TPM quote: " + pcr_name(wanted.algorithm, wanted.index) +
                                           " is " + hex_encode(found->value) +
                                           ", the policy wants " + hex_encode(wanted.value));
    }
  }
  return {};
}

Result<void> check_checkpoint(const TpmAttest& attest, std::string_view checkpoint) {
  const Hash32 expected = sha256(as_bytes(checkpoint));
  if (equal(attest.extra_data, expected)) return {};
  return fail(ErrorCode::kBadProof, "TPM NV certify: it is over " + hex_encode(attest.extra_data) +
                                        ", the checkpoint's SHA-256 is " + hex_encode(expected));
}

Result<TpmNvPublic> public_area(const TpmNvBody& body, BytesView bytes) {
  WITAN_ASSIGN(TpmNvPublic area, TpmNvPublic::parse(bytes));
  if (area.name != body.index_name) {
    return fail(ErrorCode::kBadProof, "TPM NV certify: the public area has the name " +
                                          hex_encode(area.name) + ", certified is " +
                                          hex_encode(body.index_name));
  }
  if (std::size_t{body.offset} + body.contents.size() > area.size) {
    return fail(ErrorCode::kBadProof, "TPM NV certify: the contents reach beyond the index's " +
                                          std::to_string(area.size) + " bytes");
  }
  return area;
}

Result<void> check_index(const TpmNvResult& result, const TpmNvPolicy& policy) {
  if (policy.index_name && *policy.index_name != result.index_name) {
    return fail(ErrorCode::kRefused, "TPM NV certify: the index has the name " +
                                         hex_encode(result.index_name) + ", the policy wants " +
                                         hex_encode(*policy.index_name));
  }
  if (!policy.type) return {};
  const std::string wanted =
      "the policy wants a written index of type " + std::string(to_string(*policy.type));
  if (!result.nv_public) {
    return fail(ErrorCode::kRefused,
                "TPM NV certify: " + wanted + ", and the index's public area is missing");
  }
  if (result.nv_public->type != *policy.type || !result.nv_public->written) {
    return fail(ErrorCode::kRefused, "TPM NV certify: " + wanted + ", found one of type " +
                                         std::string(to_string(result.nv_public->type)) +
                                         (result.nv_public->written ? "" : ", not written"));
  }
  return {};
}

Result<std::optional<std::uint64_t>> counter_value(const TpmNvBody& body, const TpmNvPublic& area) {
  if (area.type != TpmNvType::kCounter || !area.written || body.offset != 0 ||
      body.contents.size() != kCounterBytes) {
    return std::nullopt;
  }
  FieldReader reader(body.contents, ByteOrder::kBig, "TPM counter");
  WITAN_ASSIGN(const std::uint64_t value, reader.read_u64("value"));
  return value;
}

}  // namespace

Result<TpmQuoteResult> verify_tpm_quote(const TpmQuoteEvidence& evidence,
                                        const TpmAttestationKey& key,
                                        const TpmQuotePolicy& policy) {
  TpmQuoteResult result;
  WITAN_ASSIGN(result.attest, TpmAttest::parse(evidence.attest));
  const auto* body = std::get_if<TpmQuoteBody>(&result.attest.body);
  if (body == nullptr) {
    return fail(ErrorCode::kMalformed, "TPM quote: found a certified NV index, expected a quote");
  }
  WITAN_ASSIGN(const HashFunction hash,
               verify_tpm_signature(key.key, evidence.attest, evidence.signature));
  result.trusted_chain = key.trusted_chain;
  if (policy.nonce) {
    if (*policy.nonce != result.attest.extra_data) {
      return fail(ErrorCode::kStale, "TPM quote: it answers nonce " +
                                         hex_encode(result.attest.extra_data) + ", expected " +
                                         hex_encode(*policy.nonce));
    }
    result.nonce_checked = true;
  }
  if (!evidence.pcrs.empty()) {
    WITAN_ASSIGN(result.pcrs, proven_pcrs(*body, evidence.pcrs, hash));
  }
  WITAN_TRY(check_required(result.pcrs, policy.required));
  return result;
}

Result<TpmNvResult> verify_tpm_nv(const TpmNvEvidence& evidence, const TpmAttestationKey& key,
                                  const TpmNvPolicy& policy) {
  TpmNvResult result;
  WITAN_ASSIGN(result.attest, TpmAttest::parse(evidence.attest));
  const auto* body = std::get_if<TpmNvBody>(&result.attest.body);
  if (body == nullptr) {
    return fail(ErrorCode::kMalformed,
                "TPM NV certify: found a quote, expected a certified NV index");
  }
  WITAN_TRY(verify_tpm_signature(key.key, evidence.attest, evidence.signature));
  result.trusted_chain = key.trusted_chain;
  if (policy.checkpoint) {
    WITAN_TRY(check_checkpoint(result.attest, *policy.checkpoint));
    result.checkpoint_checked = true;
  }
  result.index_name = body->index_name;
  result.contents = body->contents;
  if (evidence.nv_public) {
    WITAN_ASSIGN(TpmNvPublic area, public_area(*body, *evidence.nv_public));
    WITAN_ASSIGN(result.counter, counter_value(*body, area));
    result.nv_public = std::move(area);
  }
  WITAN_TRY(check_index(result, policy));
  return result;
}

}  // namespace witan
