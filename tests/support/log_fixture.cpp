#include "tests/support/log_fixture.h"

#include <stdexcept>
#include <utility>

#include "ledger/ports/clock.h"
#include "node/genesis.h"
#include "tests/support/wait.h"

namespace witan::test {
namespace {

std::string policy_text(const Issuer& admin, const Issuer& issuer, unsigned number = 0) {
  RegistrationPolicyConfig policy;
  policy.max_statement_bytes -= number;
  policy.admin_keys.push_back(admin.key().public_key().pem());
  IssuerRule rule;
  rule.name = issuer.uri();
  rule.keys.push_back(issuer.key().public_key().pem());
  policy.issuers.push_back(std::move(rule));
  return encode(policy);
}

constexpr const char* kOrigin = "log.test/memory";

void require(const Result<void>& result) {
  if (!result) throw std::runtime_error(result.error().message);
}

std::string describe(const StatementResult<Registration>& result) {
  if (!result) return std::string(to_string(result.error().code)) + ": " + result.error().message;
  const std::string stage = result->stage == Stage::kPublished ? "published " : "decided ";
  return stage + std::to_string(result->index.value);
}

}  // namespace

Result<SignedHead> ScriptedSigner::append(TreeSize prev, std::span<const Hash32> entries,
                                          std::uint64_t time_ms) {
  bool lying = false;
  {
    std::unique_lock lock(mutex_);
    ++appends_;
    changed_.wait(lock, [this] { return !held_; });
    if (error_) return fail(*error_);
    lying = lying_;
  }
  auto head = real_.append(prev, entries, time_ms);
  if (head && lying) head->head.root[0] ^= 1;
  return head;
}

Result<SignerState> ScriptedSigner::attest(BytesView nonce) {
  {
    const std::lock_guard lock(mutex_);
    if (error_) return fail(*error_);
  }
  return real_.attest(nonce);
}

void ScriptedSigner::break_with(Error error) {
  const std::lock_guard lock(mutex_);
  error_ = std::move(error);
}

void ScriptedSigner::repair() {
  const std::lock_guard lock(mutex_);
  error_.reset();
}

void ScriptedSigner::hold() {
  const std::lock_guard lock(mutex_);
  held_ = true;
}

void ScriptedSigner::release() {
  const std::lock_guard lock(mutex_);
  held_ = false;
  changed_.notify_all();
}

void ScriptedSigner::lie() {
  const std::lock_guard lock(mutex_);
  lying_ = true;
}

std::size_t ScriptedSigner::appends() const {
  const std::lock_guard lock(mutex_);
  return appends_;
}

RegistrationDone Answers::next() {
  return [this](const StatementResult<Registration>& result) {
    const std::lock_guard lock(mutex_);
    texts_.push_back(describe(result));
    changed_.notify_all();
  };
}

bool Answers::wait_for(std::size_t count) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, kPatience, [&] { return texts_.size() >= count; });
}

std::vector<std::string> Answers::texts() const {
  const std::lock_guard lock(mutex_);
  return texts_;
}

std::string Answers::last() const {
  const std::lock_guard lock(mutex_);
  return texts_.empty() ? "" : texts_.back();
}

LogFixture::LogFixture() : begun_ms(system_clock().unix_ms()) {
  auto made = InProcessSigner::make(system_random());
  if (!made) throw std::runtime_error(made.error().message);
  enclave = std::move(*made);
  if (auto begun = enclave->init(kOrigin, admin.uri()); !begun) {
    throw std::runtime_error(begun.error().message);
  }
  require(begin_log(store, *enclave, admin.key(), Genesis{policy_text(admin, issuer), begun_ms}));
  signer = std::make_unique<ScriptedSigner>(*enclave);
  require(open());
}

Bytes LogFixture::policy_for(const Issuer& accepted, unsigned number) const {
  StatementRequest request;
  request.subject = kOrigin;
  request.content_type = std::string(kPolicyContentType);
  request.issued_at_s = static_cast<std::int64_t>(begun_ms / 1000);
  const std::string text = policy_text(admin, accepted, number);
  request.payload = to_bytes(as_bytes(text));
  return admin.sign(std::move(request));
}

LogFixture::~LogFixture() {
  signer->release();
}

Result<void> LogFixture::open(LogServiceOptions options) {
  log.reset();
  metrics = std::make_unique<Metrics>();
  WITAN_ASSIGN(log, LogService::open(store, *signer, system_clock(), *metrics, options));
  return {};
}

std::string LogFixture::submit(const Bytes& statement, std::chrono::milliseconds wait) {
  Answers answers;
  submit(statement, wait, answers.next());
  return answers.wait_for(1) ? answers.last() : "no answer";
}

void LogFixture::submit(const Bytes& statement, std::chrono::milliseconds wait,
                        RegistrationDone done) {
  log->submit(statement, wait, std::move(done));
}

}  // namespace witan::test
