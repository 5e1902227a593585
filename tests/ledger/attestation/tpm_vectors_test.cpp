// TPM 2.0 evidence of others: swtpm, a cloud's TPM, and a virtual TPM inside of a confidential VM.

#include <filesystem>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "ledger/attestation/tpm_verify.h"
#include "ledger/crypto/base64.h"
#include "ledger/crypto/secret.h"
#include "ledger/encoding.h"
#include "tests/support/catch.h"
#include "tests/support/vectors.h"

namespace witan::test {
namespace {

using Json = nlohmann::json;

constexpr std::uint16_t kBankSha256 = 0x000b;

std::optional<std::filesystem::path> tpm_vectors() {
  init_crypto();
  auto vectors = vectors_dir();
  if (!vectors) {
    WARN("WITAN_VECTORS is not set: the TPM vectors are not looked at");
    return std::nullopt;
  }
  return *vectors / "attestation";
}

Bytes vector_file(const std::filesystem::path& path) {
  return to_bytes(as_bytes(read_file(path)));
}

// A whole quote as it came: 24 PCRs of the SHA-256 bank.
struct QuoteVector {
  Bytes message;
  Bytes signature;
  std::vector<TpmPcr> pcrs;
  PublicKey key;

  [[nodiscard]] Result<TpmQuoteResult> verify() const {
    return verify_tpm_quote({message, signature, pcrs}, {key, false}, {});
  }
};

// No byte of message, signature or PCRs may be another, and none may be missing at the end.
void check_each_byte(const QuoteVector& good) {
  for (Bytes QuoteVector::*part : {&QuoteVector::message, &QuoteVector::signature}) {
    for (std::size_t i = 0; i < (good.*part).size(); ++i) {
      QuoteVector changed = good;
      (changed.*part)[i] ^= 0x01;
      REQUIRE_FALSE(changed.verify());
      (changed.*part).resize(i);
      REQUIRE_FALSE(changed.verify());
    }
  }
  for (std::size_t pcr = 0; pcr < good.pcrs.size(); ++pcr) {
    for (std::size_t i = 0; i < good.pcrs[pcr].value.size(); ++i) {
      QuoteVector changed = good;
      changed.pcrs[pcr].value[i] ^= 0x80;
      REQUIRE_FALSE(changed.verify());
    }
  }
}

}  // namespace

TEST_CASE("tpm vectors: swtpm's quote answers its nonce with its PCRs") {
  const auto vectors = tpm_vectors();
  if (!vectors) return;
  const auto folder = *vectors / "tpm-swtpm";
  const auto key = tpm_pinned_key(as_bytes(read_file(folder / "ak.pem")));
  REQUIRE(key);
  const Bytes values = vector_file(folder / "pcrs.bin");
  REQUIRE(values.size() == 96);
  QuoteVector quote{vector_file(folder / "q.msg"), vector_file(folder / "q.sig"), {}, key->key};
  std::size_t number = 0;
  for (const unsigned index : {0u, 7u, 14u}) {
    quote.pcrs.push_back(
        {kBankSha256, index, to_bytes(BytesView(values).subspan(32 * number++, 32))});
  }
  const auto result =
      verify_tpm_quote({quote.message, quote.signature, quote.pcrs}, *key,
                       {.nonce = vector_file(folder / "nonce.bin"), .required = quote.pcrs});
  REQUIRE(result);
  CHECK(result->pcrs == quote.pcrs);
  CHECK(result->nonce_checked);
  CHECK(result->grade() == Grade::kProcess);
  check_each_byte(quote);
}

TEST_CASE("tpm vectors: swtpm certifies a counter and an extend index for a checkpoint") {
  const auto vectors = tpm_vectors();
  if (!vectors) return;
  const auto folder = *vectors / "tpm-swtpm";
  const auto key = tpm_pinned_key(as_bytes(read_file(folder / "ak.pem")));
  REQUIRE(key);
  const std::string checkpoint = read_file(folder / "checkpoint.txt");
  // The public areas of both indexes, as they were defined when the vectors were made.
  const Bytes counter_area = *hex_decode("01500016000b2206001400000008");
  const Bytes extend_area = *hex_decode("01500017000b2206004400000020");
  const Bytes attest = vector_file(folder / "nvc.att");
  const Bytes signature = vector_file(folder / "nvc.sig");
  const TpmNvPolicy policy{.checkpoint = checkpoint, .index_name = {}, .type = TpmNvType::kCounter};
  const auto counter = verify_tpm_nv({attest, signature, counter_area}, *key, policy);
  REQUIRE(counter);
  CHECK(counter->counter == 802);
  CHECK(counter->checkpoint_checked);
  CHECK(counter->grade() == Grade::kProcess);
  const auto extend =
      verify_tpm_nv({vector_file(folder / "nve.att"), vector_file(folder / "nve.sig"), extend_area},
                    *key, {.checkpoint = checkpoint, .index_name = {}, .type = TpmNvType::kExtend});
  REQUIRE(extend);
  CHECK_FALSE(extend->counter);
  CHECK(extend->contents.size() == 32);
  CHECK_FALSE(verify_tpm_nv({attest, vector_file(folder / "nve.sig"), counter_area}, *key, policy));
  CHECK_FALSE(verify_tpm_nv({attest, signature, extend_area}, *key, policy));

  for (std::size_t i = 0; i < attest.size(); ++i) {
    Bytes changed = attest;
    changed[i] ^= 0x10;
    REQUIRE_FALSE(verify_tpm_nv({changed, signature, counter_area}, *key, policy));
    REQUIRE_FALSE(
        verify_tpm_nv({BytesView(attest).first(i), signature, counter_area}, *key, policy));
  }
  for (std::size_t i = 0; i < signature.size(); ++i) {
    Bytes changed = signature;
    changed[i] ^= 0x10;
    REQUIRE_FALSE(verify_tpm_nv({attest, changed, counter_area}, *key, policy));
    REQUIRE_FALSE(
        verify_tpm_nv({attest, BytesView(signature).first(i), counter_area}, *key, policy));
  }
}

TEST_CASE("tpm vectors: a quote with an RSA signature as TPMT_SIGNATURE") {
  const auto vectors = tpm_vectors();
  if (!vectors) return;
  const Json evidence = Json::parse(read_file(*vectors / "tpm-trustee" / "tpm_evidence.json"));
  const Json& quote = evidence.at("tpm_quote");
  const auto decode = [](const Json& text) { return *base64_decode(text.get<std::string>()); };
  const auto key = tpm_pinned_key(decode(evidence.at("ak_public")));
  REQUIRE(key);
  QuoteVector vector{decode(quote.at("message")), decode(quote.at("signature")), {}, key->key};
  unsigned index = 0;
  for (const Json& value : quote.at("pcrs")) {
    vector.pcrs.push_back({kBankSha256, index++, *hex_decode(value.get<std::string>())});
  }
  const auto result = vector.verify();
  REQUIRE(result);
  CHECK(result->pcrs.size() == 24);
  CHECK(result->grade() == Grade::kProcess);
  check_each_byte(vector);
}

TEST_CASE("tpm vectors: a virtual TPM's quote with a plain RSA signature") {
  const auto vectors = tpm_vectors();
  if (!vectors) return;
  const auto folder = *vectors / "snp-genoa-v3-azure-vtpm";
  const Json quote = Json::parse(read_file(folder / "evidence-genoa.json")).at("quote");
  // The attestation key is the first of a JSON key set inside of the report that binds it.
  const std::string report = read_file(folder / "hcl-report.bin");
  const std::size_t begin = report.find("{\"keys\"");
  REQUIRE(begin != std::string::npos);
  const Json keys = Json::parse(report.substr(begin, report.rfind('}') + 1 - begin)).at("keys");
  const auto number = [&](const char* name) {
    return *base64url_decode(keys.at(0).at(name).get<std::string>());
  };
  auto key = PublicKey::from_rsa(number("n"), number("e"));
  REQUIRE(key);
  QuoteVector vector{
      quote.at("message").get<Bytes>(), quote.at("signature").get<Bytes>(), {}, *key};
  unsigned index = 0;
  for (const Json& value : quote.at("pcrs")) {
    vector.pcrs.push_back({kBankSha256, index++, value.get<Bytes>()});
  }
  const auto result = vector.verify();
  REQUIRE(result);
  CHECK(result->pcrs.size() == 24);
  check_each_byte(vector);
}

}  // namespace witan::test
