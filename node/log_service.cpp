#include "node/log_service.h"

#include <condition_variable>
#include <mutex>
#include <thread>

#include "ledger/sequencer/recovery.h"
#include "ledger/sequencer/sequencer.h"
#include "node/admission.h"
#include "node/answering.h"
#include "node/key_sets.h"
#include "node/log.h"
#include "node/log_metrics.h"
#include "node/policy_history.h"
#include "node/workers.h"

namespace witan {
namespace {

// How often the enclave is asked for a sign of life while there is nothing to sign.
constexpr std::chrono::seconds kEnclavePulse{2};
// How long after its time a statement that is not even decided is given up on.
constexpr std::uint64_t kDecideGraceMs = 5'000;
// More unpublished statements than this, and nobody waits for a receipt any more.
constexpr std::uint64_t kCrowdedEntries = limits::kUnpublishedEntriesMax / 4;
// How often it is looked whether somebody has waited long enough.
constexpr std::chrono::milliseconds kExpiryPulse{100};

class LogServiceImpl final : public LogService {
 public:
  LogServiceImpl(Store& store, Signer& signer, const Clock& clock, Metrics& metrics,
                 const LogServiceOptions& options, SignerState identity, SequencerState state,
                 RegistrationPolicy policy, std::unique_ptr<Publisher> publisher)
      : store_(store),
        signer_(signer),
        clock_(clock),
        check_only_(options.check_only),
        identity_(std::move(identity)),
        admission_(store, std::move(policy)),
        tiles_(limits::kExpandedTilesMax),
        metrics_(metrics),
        sequencer_(std::move(state)),
        publisher_(std::move(publisher)),
        answers_("answer", 1, limits::kVerifyQueueMax),
        checks_("check", options.verify_threads, limits::kVerifyQueueMax),
        committer_([this] { commit_loop(); }),
        signing_([this] { sign_loop(); }) {}

  ~LogServiceImpl() override {
    checks_.stop();
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    to_commit_.notify_all();
    to_sign_.notify_all();
    committer_.join();
    signing_.join();
    std::vector<DueAnswer> due;
    waiters_.fail_all(StatementError(Error{ErrorCode::kUnavailable, "the node is stopping"}), due);
    for (DueAnswer& answer : due) answer.done(std::move(answer.result));
    answers_.stop();
  }

  void submit(Bytes statement, std::chrono::milliseconds wait, RegistrationDone done) override {
    const std::uint64_t deadline = clock_.steady_ms() + static_cast<std::uint64_t>(wait.count());
    auto job = std::make_shared<Job>(Job{std::move(statement), deadline, std::move(done)});
    if (!checks_.submit([this, job] { check(*job); })) {
      job->done(fail(StatementError(
          Error{ErrorCode::kOverloaded, "too many statements wait to be checked; try again"})));
    }
  }

  bool pending(const Hash32& entry) override {
    const std::lock_guard lock(mutex_);
    return sequencer_.knows(entry);
  }

  bool may_change(const PublishedHead& head) override { return publisher_->may_change(head); }

  LogStatus status() override {
    const std::lock_guard lock(mutex_);
    const SequencerStatus state = sequencer_.status();
    LogStatus out;
    if (state.decided) out.decided = state.decided->size;
    out.published = state.published;
    out.published_time_ms = publisher_->published_time_ms();
    out.witnessing = publisher_->witnessing();
    out.pooled = state.pool_entries;
    out.signing_problem = state.halted ? state.halted->message : signing_problem_;
    out.signing = out.signing_problem.empty();
    out.storing_problem = storing_problem_;
    return out;
  }

  const SignerState& identity() const override { return identity_; }
  std::shared_ptr<const RegistrationPolicy> policy() const override { return admission_.policy(); }
  Store& store() override { return store_; }
  Signer& signer() override { return signer_; }
  TileCache& tiles() override { return tiles_; }

 private:
  struct Job {
    Bytes statement;
    std::uint64_t deadline_ms;
    RegistrationDone done;
  };

  [[nodiscard]] Instant now() const { return {clock_.unix_ms(), clock_.steady_ms()}; }

  // On a worker: everything that needs no lock.
  void check(Job& job) {
    auto candidate = Admission::decode(job.statement);
    if (!candidate) return refuse(job, std::move(candidate).error());
    if (const auto index = admission_.published(candidate->entry)) {
      metrics_.repeated.add();
      return job.done(Registration{candidate->entry, *index, Stage::kPublished});
    }
    const std::uint64_t generation = policy_generation();
    auto submission = admission_.admit(std::move(*candidate), generation);
    if (!submission) return refuse(job, std::move(submission).error());
    if (check_only_) {
      return job.done(Registration{submission->entry, LeafIndex{0}, Stage::kDecided});
    }
    enter(job, std::move(*submission));
  }

  void refuse(Job& job, StatementError error) {
    metrics_.refused.add();
    job.done(tl::unexpected<StatementError>(std::move(error)));
  }

  std::uint64_t policy_generation() const {
    const std::lock_guard lock(mutex_);
    return sequencer_.policy_generation();
  }

  void enter(Job& job, Submission submission) {
    const Hash32 entry = submission.entry;
    bool wake = submission.closes_batch;
    Result<Accepted> accepted = Accepted::kNew;
    {
      const std::lock_guard lock(mutex_);
      accepted = sequencer_.submit(std::move(submission), now());
      // Between the first and the last of a batch nothing changes for the committer.
      const std::size_t pooled = sequencer_.status().pool_entries;
      wake = wake || pooled <= 1 || pooled >= limits::kBatchEntriesMax;
      if (accepted && *accepted != Accepted::kPolicyChanged) {
        waiters_.add(entry, job.deadline_ms, sequencer_.decided_index(entry), std::move(job.done));
      }
    }
    if (!accepted) return job.done(tl::unexpected<StatementError>(std::move(accepted).error()));
    if (*accepted == Accepted::kPolicyChanged) return check(job);
    if (*accepted != Accepted::kNew) metrics_.repeated.add();
    if (wake) to_commit_.notify_one();
  }

  // How long to wait for a deadline: at least a moment, so that the lock is given up.
  [[nodiscard]] std::chrono::milliseconds until(std::optional<std::uint64_t> deadline_ms,
                                                std::chrono::milliseconds longest) const {
    if (!deadline_ms) return longest;
    const std::uint64_t at = clock_.steady_ms();
    return std::min(longest, std::chrono::milliseconds(*deadline_ms > at ? *deadline_ms - at : 1));
  }

  // The only thread that writes the store.
  void commit_loop() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      auto job = sequencer_.next_commit(now());
      storing_problem_ = job ? storing_problem_ : job.error().message;
      if (job && *job) {
        lock.unlock();
        commit(std::move(**job));
        lock.lock();
        continue;
      }
      if (job && commit_error_.empty()) storing_problem_.clear();
      expire(lock);
      to_commit_.wait_for(lock, until(sequencer_.next_commit_deadline(), kExpiryPulse));
    }
  }

  void commit(CommitJob job) {
    const auto start = std::chrono::steady_clock::now();
    Result<void> result = write(job);
    metrics_.commit_seconds.observe(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    std::vector<DueAnswer> due;
    std::vector<Submission> recheck;
    {
      const std::lock_guard lock(mutex_);
      if (!result) {
        log_error("cannot store", {{"error", result.error().message}});
        commit_error_ = storing_problem_ = result.error().message;
        sequencer_.commit_failed(job, result.error(), now());
        return;
      }
      commit_error_.clear();
      storing_problem_.clear();
      CommitOutcome outcome = sequencer_.committed(job);
      const std::uint64_t steady_ms = clock_.steady_ms();
      for (const Placed& placed : outcome.decided) {
        waiters_.decided(placed.entry, placed.index, steady_ms, due);
      }
      for (const Registered& done : outcome.registered) {
        waiters_.published(done.entry, done.index, due);
      }
      metrics_.registered.add(static_cast<double>(outcome.registered.size()));
      recheck = std::move(outcome.recheck);
    }
    to_sign_.notify_one();
    answer(std::move(due));
    for (Submission& submission : recheck) recheck_later(std::move(submission));
  }

  Result<void> write(CommitJob& job) {
    auto view = store_.read();
    if (!view) return fail(view.error());
    auto prepared = job.prepare([&view](const Hash32& entry) { return (*view)->find(entry); });
    view->reset();
    if (!prepared) return fail(prepared.error());
    if (*prepared == nullptr) return {};
    // Made before the commit: once a policy is decided, nothing may keep it from being in force.
    std::optional<RegistrationPolicy> next;
    if (job.own_index()) {
      WITAN_ASSIGN(next, admission_.successor((*prepared)->decide->entries.back().statement));
    }
    WITAN_TRY(store_.commit(**prepared));
    if (next) {
      admission_.replace_policy(*std::move(next));
      log_info("policy or key set registered", {{"entry", job.own_index()->value}});
    }
    return {};
  }

  // A statement that was pooled behind a new policy: under that one, or not at all.
  void recheck_later(Submission submission) {
    const auto shared = std::make_shared<Submission>(std::move(submission));
    const auto work = [this, shared] {
      std::vector<DueAnswer> due;
      while (!check_into_pool(*shared, due)) {
      }
      to_commit_.notify_one();
      answer(std::move(due));
    };
    if (!checks_.submit(work)) work();
  }

  // False when the policy has changed meanwhile: it is then to be checked under the newest.
  bool check_into_pool(const Submission& submission, std::vector<DueAnswer>& due) {
    const std::uint64_t generation = policy_generation();
    auto again = admission_.admit(Admission::decode(submission.statement).value(), generation);
    const std::lock_guard lock(mutex_);
    if (!again) {
      waiters_.failed(submission.entry, again.error(), due);
      return true;
    }
    const auto accepted = sequencer_.submit(std::move(*again), now());
    if (!accepted) waiters_.failed(submission.entry, accepted.error(), due);
    return !accepted || *accepted != Accepted::kPolicyChanged;
  }

  void expire(std::unique_lock<std::mutex>& lock) {
    if (waiters_.empty()) return;
    const SequencerStatus state = sequencer_.status();
    const std::uint64_t decided = state.decided ? state.decided->size.value : 0;
    const bool crowded = decided - state.published.value > kCrowdedEntries;
    std::vector<DueAnswer> due;
    waiters_.expire(clock_.steady_ms(), crowded, kDecideGraceMs, due);
    if (due.empty()) return;
    lock.unlock();
    answer(std::move(due));
    lock.lock();
  }

  // Away from the committer.
  void answer(std::vector<DueAnswer> due) { answer_on(answers_, std::move(due)); }

  // The only thread that has the enclave append.
  void sign_loop() {
    publisher_->call_when_ready([this] { wake_signing(); });
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      // Once it may be published, the signed head goes to be stored with the next commit.
      if (publish_due(*publisher_, sequencer_)) to_commit_.notify_one();
      const auto pause = publisher_->pause(clock_.steady_ms());
      const bool held = publisher_->must_wait();
      const auto request = held || pause.count() > 0 ? std::nullopt : sequencer_.next_append(now());
      if (request) {
        lock.unlock();
        sign(*request);
        lock.lock();
        continue;
      }
      // Still under the lock: a notification between the question and the wait would be lost.
      const auto deadline = held ? std::nullopt : sequencer_.next_append_deadline();
      const auto nap = pause.count() > 0 ? std::min<std::chrono::milliseconds>(pause, kEnclavePulse)
                                         : until(deadline, kEnclavePulse);
      const auto wake = to_sign_.wait_for(lock, nap);
      if (wake == std::cv_status::timeout && !deadline && !stopping_) {
        lock.unlock();
        feel_pulse();
        lock.lock();
      }
    }
  }

  void sign(const AppendOrder& request) {
    const auto start = std::chrono::steady_clock::now();
    const auto head = signer_.append(request.prev, request.entries, request.expected.time_ms);
    metrics_.sign_seconds.observe(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    note_signing(head ? Result<void>() : fail(head.error()));
    const std::lock_guard lock(mutex_);
    if (!head) {
      sequencer_.sign_failed(head.error(), now());
      return;
    }
    publisher_->head_signed(clock_.steady_ms());
    if (const auto taken = sequencer_.signed_head(*head); !taken) {
      log_error("the enclave's head was not taken", {{"error", taken.error().message}});
    }
  }

  void wake_signing() {
    // A notification between the signing thread's question and its wait would be lost.
    { const std::lock_guard lock(mutex_); }
    to_sign_.notify_one();
  }

  void feel_pulse() {
    const auto state = signer_.attest({});
    note_signing(state ? Result<void>() : fail(state.error()));
  }

  // Says when signing stops and when it goes on.
  void note_signing(const Result<void>& result) {
    const std::string problem = result ? "" : result.error().message;
    const std::lock_guard lock(mutex_);
    if (problem == signing_problem_) return;
    signing_problem_ = problem;
    if (problem.empty()) {
      log_info("the enclave signs again");
    } else {
      log_error("the enclave does not sign", {{"error", problem}});
    }
  }

  Store& store_;
  Signer& signer_;
  const Clock& clock_;
  const bool check_only_;
  const SignerState identity_;
  Admission admission_;
  TileCache tiles_;
  const LogMetrics metrics_;

  mutable std::mutex mutex_;
  std::condition_variable to_commit_, to_sign_;
  Sequencer sequencer_;                                           // under mutex_
  Waiters waiters_;                                               // under mutex_
  std::string signing_problem_, storing_problem_, commit_error_;  // under mutex_
  bool stopping_ = false;                                         // under mutex_

  const std::unique_ptr<Publisher> publisher_;

  Workers answers_;
  Workers checks_;
  std::thread committer_;
  std::thread signing_;
};

}  // namespace

Result<std::unique_ptr<LogService>> LogService::open(Store& store, Signer& signer,
                                                     const Clock& clock, Metrics& metrics,
                                                     const LogServiceOptions& options) {
  WITAN_ASSIGN(SignerState identity, signer.attest({}));
  WITAN_ASSIGN(const auto view, store.read());
  WITAN_TRY(check_log_keys(*view, identity));
  WITAN_ASSIGN(SequencerState state, recover(*view, identity));
  WITAN_ASSIGN(RegistrationPolicy policy, policy_in_force(*view));
  WITAN_ASSIGN(auto publisher,
               Publisher::make(identity, store, options.witnessing, clock, metrics));
  return std::make_unique<LogServiceImpl>(store, signer, clock, metrics, options,
                                          std::move(identity), std::move(state), std::move(policy),
                                          std::move(publisher));
}

}  // namespace witan
