#include <algorithm>
#include <cstdint>
#include <iostream>
#include <string>

#include <nlohmann/json.hpp>

#include "ledger/encoding.h"
#include "tests/support/catch.h"
#include "tests/support/vectors.h"
#include "tests/witness/verify_world.h"
#include "witness/verify.h"

using namespace witan;
using namespace witan::test;

TEST_CASE("verify: other people's statements and receipts give their stated results") {
  const auto dir = vectors_dir();
  if (!dir) {
    std::cout << "verify: outside vectors skipped\n";
    return;
  }
  std::size_t count = 0;
  const auto base = *dir / "scitt" / "scitt-cose-v1";
  const auto manifest = nlohmann::json::parse(read_file(base / "manifest.json"));
  for (const auto& vector : manifest.at("vectors")) {
    const auto folder = base / vector.at("id").get<std::string>();
    INFO(folder.string());
    VerifyTrust trust;
    trust.receipt_keys = {PublicKey::from_pem(read_file(folder / "log-key.pem")).value()};
    trust.issuer_keys = {parse_pinned_key(read_file(folder / "issuer-key.pem")).value()};
    const Bytes statement = file_bytes(folder / "statement.cose");
    const Bytes receipt = file_bytes(folder / "receipt.cose");
    std::string hex = read_file(folder / "payload.hex");
    hex.erase(std::remove(hex.begin(), hex.end(), '\n'), hex.end());
    VerifyInput input;
    input.statement = statement;
    input.receipt = receipt;
    input.artifact_digest = [&](std::int64_t) -> Result<Bytes> {
      return to_bytes(sha256(hex_decode(hex).value()));
    };
    const auto report = verify(input, trust);
    const bool valid = vector.at("expected_result") == "VALID";
    CHECK(failures(report) == (valid ? Names{} : Names{"statement signature"}));
    ++count;
  }
  const auto golden = *dir / "scitt" / "ccf-golden";
  VerifyTrust trust;
  trust.receipt_keys = {PublicKey::from_pem(read_file(golden / "derived-service-key.pem")).value()};
  trust.allow_unknown_issuer = true;
  const Bytes transparent = file_bytes(golden / "uvm_0.2.10.cose");
  VerifyInput input;
  input.statement = transparent;
  CHECK(failures(verify(input, trust)) == Names{});
  const Bytes statement = file_bytes(golden / "derived-statement-empty-uhdr.cose");
  const Bytes receipt = file_bytes(golden / "derived-receipt.cose");
  input.statement = statement;
  input.receipt = receipt;
  CHECK(failures(verify(input, trust)) == Names{});
  trust.allow_unknown_issuer = false;
  CHECK(failures(verify(input, trust)) == Names{"statement signature"});
  count += 2;
  std::cout << "verify vectors checked: " << count << "\n";
}
