#include "node/audit/auditor.h"
#include "tests/node/audit/audit_fixture.h"

using namespace witan;
using namespace witan::test;

TEST_CASE("audit: an honest log of some hundred statements holds") {
  TestLog log;
  log.grow(697);
  auto second = log.policy;
  second.subjects = {"pkg:*"};
  log.add({log.policy_statement(second, *log.operator_key)});
  log.grow(100);
  AuditOptions options;
  options.log_keys = {VerifierKey::parse(log.vkey()).value()};
  std::uint64_t shown = 0;
  options.progress = [&shown](const AuditProgress& progress) { shown = progress.done; };
  const auto report = audit_of(log, options);
  if (!report) FAIL(report.error().message);
  CHECK(report->origin == kAuditOrigin);
  CHECK(report->size == TreeSize{800});
  CHECK(report->root == log.heads.back().head.head.root);
  CHECK(report->key_source == LogKeySource::kGiven);
  CHECK(report->signatures == 800);
  CHECK(report->receipts == 4);
  CHECK(report->policies == 2);
  CHECK(report->resumed_from == TreeSize{0});
  CHECK(shown == 800);
}

TEST_CASE("audit: a log that announces its next keys holds, and who may announce is checked") {
  TestLog log;
  log.grow(300);
  const auto next = InProcessSigner::make(system_random()).value();
  REQUIRE(next->init(kAuditOrigin, "https://" + kAuditOrigin));
  const SignerState keys = next->attest(log.entries[0]).value();
  log.add({key_set_statement(keys, *log.operator_key, 1'000).value().canonical()});
  log.grow(300);
  const auto report = audit_of(log);
  if (!report) FAIL(report.error().message);
  CHECK(report->key_sets == 2);
  CHECK(report->policies == 1);
  TestLog forged;
  forged.add({key_set_statement(keys, *forged.issuer_key, 1'000).value().canonical()});
  CHECK_THAT(finding_of(forged), ContainsSubstring("entry 2") && ContainsSubstring("admin.keys"));
  // Evidence that belongs to another log.
  TestLog other;
  other.add({key_set_statement(keys, *other.operator_key, 1'000).value().canonical()});
  CHECK_THAT(finding_of(other), ContainsSubstring("entry 2") && ContainsSubstring("nonce"));
}

TEST_CASE("audit: a log of two entries, and one that ends with a bundle, hold") {
  TestLog log;
  CHECK(finding_of(log).empty());
  log.grow(254);
  REQUIRE(log.size() == TreeSize{256});
  CHECK(finding_of(log).empty());
  log.grow(256);
  CHECK(finding_of(log).empty());
}

TEST_CASE("audit: without a given key the log's own word is taken, and said so") {
  const TestLog log;
  const auto report = audit_of(log);
  REQUIRE(report);
  CHECK(report->key_source == LogKeySource::kLogItself);
  CHECK(report->vkey == log.vkey());
}

TEST_CASE("audit: the newest checkpoint must meet the given policy of witnesses") {
  TestLog log;
  log.grow(5);
  const PrivateKey witness = PrivateKey::generate(KeyKind::kEd25519).value();
  const VerifierKey key =
      VerifierKey::make("w.example", NoteAlgorithm::kCosignatureEd25519, witness.public_key().raw())
          .value();
  AuditOptions options;
  options.log_keys = {VerifierKey::parse(log.vkey()).value()};
  options.policy =
      TlogPolicy::parse("log " + log.vkey() + "\nwitness w " + key.text() + "\nquorum w\n").value();
  CHECK_THAT(finding_of(log, options),
             ContainsSubstring("/checkpoint: quorum \"w\" not met: 0 of its 1 witnesses"));
  Note note = Note::parse(log.heads.back().checkpoint).value();
  note.signatures.push_back(cosign_note(note.text, "w.example", witness, 1'700'000'000).value());
  log.lie = [text = note.encode()](const std::string& path, Bytes& body) {
    if (path == "/checkpoint") body = to_bytes(as_bytes(text));
  };
  const auto report = audit_of(log, options);
  if (!report) FAIL(report.error().message);
  CHECK(report->witnesses == std::vector<std::string>{"w"});
}

TEST_CASE("audit: keys that are not the log's are refused") {
  const TestLog log, other;
  AuditOptions options;
  options.log_keys = {VerifierKey::parse(other.vkey()).value()};
  CHECK_THAT(finding_of(log, options), ContainsSubstring("/checkpoint"));
  options.log_keys = {
      VerifierKey::make("other.example", NoteAlgorithm::kEd25519, log.identity.note_key).value()};
  CHECK_THAT(finding_of(log, options), ContainsSubstring("no given log key has that name"));
  options = {};
  options.receipt_key = PrivateKey::generate(KeyKind::kP256).value().public_key();
  CHECK_THAT(finding_of(log, options), ContainsSubstring("the given receipt key"));
  const BytesView xy(log.identity.cose_key);
  options.receipt_key = PublicKey::from_ec(KeyKind::kP256, xy.first(32), xy.subspan(32)).value();
  CHECK(finding_of(log, options).empty());
}

TEST_CASE("audit: statements of a bundle that is too large are fetched one by one") {
  TestLog log;
  log.grow(500);
  auto second = log.policy;
  second.content_types = {"text/*"};
  log.add({log.policy_statement(second, *log.operator_key)});
  log.grow(100);
  log.too_large = "/tile/statements/001";
  CHECK(finding_of(log).empty());
  log.too_large = "/tile/statements";
  const auto report = audit_of(log);
  if (!report) FAIL(report.error().message);
  CHECK(report->signatures == 603);
  log.add({log.statement("pkg:bad", *log.operator_key)});
  CHECK_THAT(finding_of(log), ContainsSubstring("entry 603 ("));
}

TEST_CASE("audit: what a policy lets in changes at the entry that replaces it") {
  TestLog log;
  log.grow(10);
  auto second = log.policy;
  second.subjects = {"oci:*"};
  log.add({log.policy_statement(second, *log.operator_key)});
  log.grow(300, "oci:");
  CHECK(finding_of(log).empty());
  log.grow(1, "pkg:");
  CHECK_THAT(finding_of(log),
             ContainsSubstring("entry 313 (") && ContainsSubstring("accept.subjects"));
}

TEST_CASE("audit: an error before anything is reached is not a finding") {
  const auto report = audit_log(
      []() -> Result<std::unique_ptr<LogReader>> { return fail(ErrorCode::kUnavailable, "no"); },
      {});
  REQUIRE_FALSE(report);
  CHECK(report.error().code == ErrorCode::kUnavailable);

  TestLog log;
  log.grow(600);
  struct Dead final : LogReader {
    explicit Dead(const TestLog& honest) : log(honest) {}
    Result<Bytes> get(std::string_view path, std::size_t) override {
      if (path.find("statements/001") != std::string_view::npos) {
        return fail(ErrorCode::kUnavailable, "the connection ended");
      }
      return log.get(std::string(path));
    }
    const TestLog& log;
  };
  const auto cut = audit_log(
      [&log]() -> Result<std::unique_ptr<LogReader>> { return std::make_unique<Dead>(log); }, {});
  REQUIRE_FALSE(cut);
  CHECK(cut.error().code == ErrorCode::kUnavailable);
  CHECK_THAT(cut.error().message, ContainsSubstring("/tile/statements/001"));
}
