// SEV-SNP evidence under a root of our own: signature, chain, extensions, policy.

#include "ledger/attestation/snp_verify.h"

#include <functional>
#include <string>

#include "tests/ledger/attestation/snp_maker.h"
#include "tests/support/catch.h"

namespace witan::test {
namespace {

const SnpTcb kTurinLevels{.fmc = 1, .boot_loader = 2, .tee = 3, .snp = 4, .microcode = 200};

Error refused_by_snp(const SnpChain& chain, const std::vector<Certificate>& certificates,
                     std::optional<std::int64_t> time_s = 1'800'000'000) {
  const std::vector<AmdRoot> roots{chain.pinned()};
  const auto verified = verify_snp(chain.report, certificates, time_s, roots);
  REQUIRE_FALSE(verified);
  return verified.error();
}

TEST_CASE("SNP evidence: versions, products and signing keys verify") {
  for (const SnpRequest& request :
       {SnpRequest{}, SnpRequest{.version = 2}, SnpRequest{.version = 5},
        SnpRequest{.product = SnpProduct::kGenoa}, SnpRequest{.vlek = true},
        SnpRequest{.product = SnpProduct::kTurin, .version = 5, .tcb = kTurinLevels},
        SnpRequest{.product = SnpProduct::kTurin, .vlek = true, .tcb = kTurinLevels}}) {
    const SnpChain chain(request);
    const auto verified = chain.verify();
    REQUIRE(verified);
    CHECK(verified->product == request.product);
    CHECK(verified->tcb == request.tcb);
    CHECK(verified->report.version == request.version);
    CHECK(check_snp_policy(*verified, {}));
  }
}

TEST_CASE("SNP evidence: certificates in any order, DER or PEM, in one file or several") {
  const SnpChain chain;
  const std::vector<AmdRoot> roots{chain.pinned()};
  const std::string pem = pem_of(chain.root) + "between\n" + pem_of(chain.middle);
  const std::vector<BytesView> files{chain.leaf.der(), as_bytes(pem), chain.leaf.der()};
  const auto certificates = read_certificates(files);
  REQUIRE(certificates);
  CHECK(certificates->size() == 3);
  CHECK(verify_snp(chain.report, *certificates, std::nullopt, roots));
  CHECK(verify_snp(chain.report, std::vector{chain.middle, chain.root, chain.leaf}, std::nullopt,
                   roots));
  const Bytes garbage{1, 2, 3};
  const std::vector<BytesView> bad{chain.leaf.der(), garbage};
  CHECK_THAT(read_certificates(bad).error().message, ContainsSubstring("certificate file 2"));
  std::string many;
  for (int i = 0; i < 6; ++i) many += pem_of(SnpChain().leaf);
  std::string more;
  for (int i = 0; i < 6; ++i) more += pem_of(SnpChain().leaf);
  const std::vector<BytesView> too_many{as_bytes(many), as_bytes(more)};
  CHECK(read_certificates(too_many).error().code == ErrorCode::kTooLarge);
}

TEST_CASE("SNP evidence: a chain that is cut, foreign, doubled or out of its time is refused") {
  const SnpChain chain;
  const SnpChain other;
  CHECK_THAT(refused_by_snp(chain, {}).message, ContainsSubstring("expected a VCEK or VLEK"));
  CHECK_THAT(refused_by_snp(chain, {chain.leaf, chain.middle}).message,
             ContainsSubstring("expected a root of ARK of the test"));
  CHECK(refused_by_snp(chain, {chain.leaf, chain.root}).code == ErrorCode::kBadIdentity);
  CHECK_THAT(refused_by_snp(chain, {chain.leaf, chain.middle, other.root}).message,
             ContainsSubstring("expected a root"));
  CHECK_THAT(refused_by_snp(chain, {chain.leaf, other.leaf, chain.middle, chain.root}).message,
             ContainsSubstring("two VCEK or VLEK"));
  CHECK(refused_by_snp(chain, {other.leaf, other.middle, other.root}).code ==
        ErrorCode::kBadSignature);
  CHECK_THAT(refused_by_snp(chain, chain.all(), 1'600'000'000).message,
             ContainsSubstring("not yet valid"));
  CHECK_THAT(refused_by_snp(chain, chain.all(), 2'000'000'000).message,
             ContainsSubstring("has expired"));
  // The key alone is pinned: the rest of the root's certificate must be its own statement.
  const Certificate forged = make_certificate({.name = "ARK", .extensions = kCaExtensions},
                                              chain.root_key, "ARK", other.root_key);
  CHECK(refused_by_snp(chain, {chain.leaf, chain.middle, forged}).code == ErrorCode::kBadIdentity);
}

TEST_CASE("SNP evidence: each extension of the certificate must say what the report says") {
  const SnpRequest request{.product = SnpProduct::kTurin, .tcb = kTurinLevels};
  SnpChain chain(request);
  REQUIRE(chain.verify());
  const auto good = chain.extensions();
  for (std::size_t i = 0; i < good.size(); ++i) {
    INFO(good[i].first);
    auto without = good;
    without.erase(without.begin() + static_cast<std::ptrdiff_t>(i));
    chain.leaf = chain.make_leaf(without);
    CHECK_FALSE(chain.verify());
    auto changed = good;
    changed[i].second.back() = changed[i].second.back() == '0' ? '1' : '0';
    chain.leaf = chain.make_leaf(changed);
    CHECK_FALSE(chain.verify());
  }
  auto number = good;
  number[0].second = "DER:02020100";  // 256
  chain.leaf = chain.make_leaf(number);
  CHECK_THAT(chain.verify().error().message, ContainsSubstring("is 256, expected 0 to 255"));
  number[0].second = "DER:020102ff";  // more than an INTEGER
  chain.leaf = chain.make_leaf(number);
  CHECK(chain.verify().error().code == ErrorCode::kMalformed);
  auto both = good;
  both.emplace_back("1.3.6.1.4.1.3704.1.5", "DER:16024353");
  chain.leaf = chain.make_leaf(both);
  CHECK_THAT(chain.verify().error().message, ContainsSubstring("VCEK"));
}

TEST_CASE("SNP evidence: report and certificate must agree on product and kind of key") {
  SnpChain chain;
  chain.report[0x189] = 0x11;  // Genoa's model
  chain.sign();
  CHECK_THAT(chain.verify().error().message, ContainsSubstring("the report is of Genoa"));
  SnpChain vlek({.vlek = true});
  vlek.report[0x48] = 0;
  vlek.sign();
  CHECK_THAT(vlek.verify().error().message, ContainsSubstring("says that a VCEK signed it"));
  SnpChain chip;
  chip.report[0x1a0] ^= 1;
  chip.sign();
  CHECK_THAT(chip.verify().error().message, ContainsSubstring("it is for the chip c0"));
  SnpChain levels;
  levels.report[0x187] ^= 1;
  levels.sign();
  CHECK_THAT(levels.verify().error().message, ContainsSubstring("microcode 219, the report's"));
}

TEST_CASE("SNP evidence: each flipped byte of a report fails") {
  SnpChain chain;
  for (std::size_t at = 0; at < chain.report.size(); ++at) {
    chain.report[at] ^= 1;
    REQUIRE_FALSE(chain.verify());
    chain.report[at] ^= 1;
  }
  CHECK(chain.verify());
}

TEST_CASE("SNP policy: what is refused, and by which field") {
  const auto judge = [](const SnpRequest& request, const SnpPolicy& policy) {
    const auto verified = SnpChain(request).verify();
    REQUIRE(verified);
    const auto judged = check_snp_policy(*verified, policy);
    if (!judged) CHECK(judged.error().code == ErrorCode::kRefused);
    return judged ? std::string() : judged.error().message;
  };
  const SnpRequest debug{.policy = 0x3001f | (1u << 19)};
  CHECK_THAT(judge(debug, {}), ContainsSubstring("debug bit (19)"));
  CHECK(judge(debug, {.allow_debug = true}).empty());
  const SnpRequest migration{.policy = 0x3001f | (1u << 18)};
  CHECK_THAT(judge(migration, {}), ContainsSubstring("migration bit (18)"));
  CHECK(judge(migration, {.allow_migration = true}).empty());
  CHECK_THAT(judge({.vmpl = 1}, {}), ContainsSubstring("VMPL: 1, expected at most 0"));
  CHECK(judge({.vmpl = 1}, {.vmpl_max = 1}).empty());
  CHECK_THAT(judge({.vmpl = 0xffff'ffff}, {.vmpl_max = 3}), ContainsSubstring("4294967295"));
  CHECK_THAT(judge({}, {.guest_svn_min = 8}), ContainsSubstring("7, expected at least 8"));

  const SnpRequest request;
  CHECK(judge(request, {.minimum_tcb = {{SnpProduct::kMilan, request.tcb}}}).empty());
  for (int part = 0; part < 4; ++part) {
    SnpTcb least = request.tcb;
    std::uint8_t* levels[] = {&least.boot_loader, &least.tee, &least.snp, &least.microcode};
    ++*levels[part];
    CHECK_THAT(judge(request, {.minimum_tcb = {{SnpProduct::kMilan, least}}}),
               ContainsSubstring("expected at least " + to_string(least)));
  }
  CHECK_THAT(judge(request, {.minimum_tcb = {{SnpProduct::kGenoa, {}}}}),
             ContainsSubstring("no least patch levels"));
  SnpTcb turin_least = kTurinLevels;
  turin_least.fmc = 2;
  CHECK_FALSE(judge({.product = SnpProduct::kTurin, .tcb = kTurinLevels},
                    {.minimum_tcb = {{SnpProduct::kTurin, turin_least}}})
                  .empty());

  const auto verified = SnpChain().verify();
  REQUIRE(verified);
  CHECK(judge({}, {.measurements = {{}, verified->report.measurement}}).empty());
  CHECK_THAT(judge({}, {.measurements = {{}}}), ContainsSubstring("measurement: 000102"));
  CHECK(judge({}, {.host_data = {verified->report.host_data}}).empty());
  CHECK_THAT(judge({}, {.host_data = {Hash32{}}}), ContainsSubstring("host data: 8081"));
}

TEST_CASE("SNP evidence: AMD's roots are three, all different") {
  REQUIRE(amd_roots().size() == 3);
  CHECK(amd_roots()[0].root.spki_sha256 != amd_roots()[1].root.spki_sha256);
  CHECK(amd_roots()[1].root.spki_sha256 != amd_roots()[2].root.spki_sha256);
  // Our own root is none of them.
  const SnpChain chain;
  CHECK_FALSE(verify_snp(chain.report, chain.all(), std::nullopt));
}

}  // namespace
}  // namespace witan::test
