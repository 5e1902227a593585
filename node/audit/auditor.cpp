#include "node/audit/auditor.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <future>
#include <memory>
#include <span>
#include <thread>
#include <utility>

#include "ledger/encoding.h"
#include "ledger/ports/random.h"
#include "node/audit/bundle.h"
#include "node/audit/fetch.h"
#include "node/audit/session.h"
#include "node/workers.h"

namespace witan {
namespace audit {
namespace {

constexpr std::size_t kBundlesUnderWayMax = 24;
constexpr std::size_t kBundlesBeingCheckedMax = 8;
// Of statements under way, as far as the size of the last bundle foretells the next ones'.
constexpr std::size_t kBytesUnderWay = std::size_t{64} << 20;

// Bundles are fetched on several connections, their signatures checked on several threads, and both
// are handed on in the order of the log: what an audit finds first is the first thing that is
// wrong.
class Auditor {
 public:
  Auditor(LogReader& log, std::vector<std::unique_ptr<LogReader>> more, Session& session)
      : log_(log),
        readers_(std::move(more)),
        session_(session),
        checkers_("audit-check", threads(session.options), kBundlesBeingCheckedMax + 1) {
    for (std::size_t i = 0; i < readers_.size(); ++i) {
      fetchers_.push_back(std::make_unique<Workers>("audit-fetch", 1, kBundlesUnderWayMax));
    }
  }
  ~Auditor() { abandoned_ = true; }
  Auditor(const Auditor&) = delete;
  Auditor& operator=(const Auditor&) = delete;

  Result<AuditReport> run() {
    Result<void> done = audit_bundles();
    if (done) done = session_.tree.check_partial_tiles();
    // A check that failed must not hide that the state could not be kept, nor the other way round.
    const bool conflict = !done && done.error().code == ErrorCode::kConflict;
    const auto saved = conflict ? Result<void>() : session_.save();
    if (!done) return fail(session_.with_evidence(done.error()));
    if (!saved) return fail(saved.error());
    WITAN_TRY(check_witnesses());
    return report();
  }

 private:
  using Fetched = Result<std::shared_ptr<Bundle>>;

  struct Checking {
    std::shared_ptr<Bundle> bundle;
    std::future<Result<void>> passed;
    Result<void> policies;  // what a new policy in it lacks, if anything
  };

  static unsigned threads(const AuditOptions& options) {
    return options.threads != 0 ? options.threads
                                : std::max(1u, std::thread::hardware_concurrency());
  }

  [[nodiscard]] bool stopped() const {
    return session_.options.stop != nullptr && session_.options.stop->load();
  }

  [[nodiscard]] std::size_t under_way_max() const {
    return std::clamp<std::size_t>(kBytesUnderWay / std::max<std::size_t>(last_bytes_, 1), 1,
                                   kBundlesUnderWayMax);
  }

  Result<void> audit_bundles() {
    const TreeSize size = session_.newest.size;
    std::uint64_t next = session_.tree.size().value / kTileWidth;
    std::uint64_t end = (size.value + kTileWidth - 1) / kTileWidth;
    Result<void> failed;
    for (;;) {
      if (stopped()) end = std::min(end, next);
      while (next < end && fetching_.size() + checking_.size() < under_way_max())
        start_fetch(next++);
      if (!fetching_.empty() && checking_.size() < kBundlesBeingCheckedMax) {
        failed = take_fetched();
        if (failed) continue;
        fetching_.clear();  // what stands before it is still to be looked at, what follows is not
        end = next;
      } else if (!checking_.empty()) {
        WITAN_TRY(take_checked());
      } else {
        break;
      }
    }
    WITAN_TRY(std::move(failed));
    if (session_.tree.size() == size) return {};
    return fail(ErrorCode::kUnavailable, "stopped after " +
                                             std::to_string(session_.tree.size().value) + " of " +
                                             std::to_string(size.value) + " entries");
  }

  void start_fetch(std::uint64_t number) {
    const std::size_t who = number % readers_.size();
    auto promise = std::make_shared<std::promise<Fetched>>();
    fetching_.push_back(promise->get_future());
    const auto work = [this, number, who, promise] {
      promise->set_value(abandoned_ ? Fetched(fail(ErrorCode::kUnavailable, "abandoned"))
                                    : fetch_bundle(*readers_[who], number));
    };
    if (!fetchers_[who]->submit(work)) work();
  }

  // On a fetching thread. One receipt of each bundle is looked at too, and that of the log's last
  // entry, whose head is the checkpoint's.
  Fetched fetch_bundle(LogReader& reader, std::uint64_t number) const {
    const TreeSize size = session_.newest.size;
    WITAN_ASSIGN(Bundle bundle, read_bundle(reader, number, size));
    const std::uint64_t last = bundle.start + bundle.entries.size() - 1;
    std::uint8_t offset = 0;
    system_random().fill({&offset, 1});
    const std::uint64_t sample =
        last + 1 == size.value ? last : bundle.start + offset % bundle.entries.size();
    bundle.head = check_receipt(reader, *session_.receipts, sample, size, bundle);
    bundle.head_of = sample;
    return std::make_shared<Bundle>(std::move(bundle));
  }

  Result<void> take_fetched() {
    Fetched fetched = fetching_.front().get();
    fetching_.pop_front();
    if (!fetched) return fail(fetched.error());
    const std::shared_ptr<Bundle> bundle = std::move(*fetched);
    if (bundle->too_large) return take_one_by_one(*bundle);
    last_bytes_ = bundle->bytes;

    auto spans = std::make_shared<PolicySpans>();
    spans->emplace_back(bundle->start, *session_.policy);
    Result<void> policies;
    std::uint64_t end = bundle->start + bundle->entries.size();
    for (std::size_t i = 0; i < bundle->statements.size() && policies; ++i) {
      const std::uint64_t index = bundle->start + i;
      policies = take_own(index, bundle->entries[i], bundle->statements[i]);
      if (!policies) end = index;
      if (policies && is_own_statement(bundle->statements[i])) {
        spans->emplace_back(index + 1, *session_.policy);
      }
    }
    auto promise = std::make_shared<std::promise<Result<void>>>();
    checking_.push_back({bundle, promise->get_future(), std::move(policies)});
    const auto work = [this, bundle, spans, end, promise] {
      promise->set_value(abandoned_ ? Result<void>() : check_registrations(*bundle, *spans, end));
    };
    if (!checkers_.submit(work)) work();
    return {};
  }

  // The log's own statements: its beginning must be what it was at first, and a new policy or key
  // set must be let in by the policy before it.
  Result<void> take_own(std::uint64_t index, const Hash32& entry, const Statement& statement) {
    if (index < 2) {
      const Hash32& expected = index == 0 ? session_.policies.front().entry : session_.keys_entry;
      if (entry == expected) return {};
      return fail(ErrorCode::kRefused, entry_name(index) + " is " + hex_encode(entry) +
                                           ", expected " + hex_encode(expected) +
                                           ", which the log gave before");
    }
    if (!is_own_statement(statement)) return {};
    return session_.take_own({index, entry}, statement);
  }

  Result<void> take_checked() {
    Checking checking = std::move(checking_.front());
    checking_.pop_front();
    WITAN_TRY(checking.passed.get());
    WITAN_TRY(std::move(checking.policies));
    const Bundle& bundle = *checking.bundle;
    WITAN_TRY(note_entries(bundle.start, bundle.entries));
    WITAN_TRY(expect_head(bundle));
    WITAN_TRY(append(bundle.leaves));
    report_.bytes += bundle.bytes;
    return end_bundle();
  }

  // A bundle that the log does not serve whole: bounded memory matters more than speed.
  Result<void> take_one_by_one(const Bundle& bundle) {
    while (!checking_.empty()) {
      if (auto before = take_checked(); !before) {
        checking_.clear();
        return before;
      }
    }
    WITAN_TRY(note_entries(bundle.start, bundle.entries));
    WITAN_TRY(expect_head(bundle));
    for (std::size_t i = 0; i < bundle.entries.size() && !stopped(); ++i) {
      const std::uint64_t index = bundle.start + i;
      auto statement = fetch_statement(log_, bundle.entries[i]);
      if (!statement) return fail(statement.error().within(entry_name(index)));
      WITAN_TRY(take_own(index, bundle.entries[i], *statement));
      if (index >= 2 && !is_own_statement(*statement)) {
        WITAN_TRY(check_registration(*statement, index, *session_.policy));
      }
      WITAN_TRY(append({&bundle.leaves[i], 1}));
      report_.bytes += statement->cose.bytes->size();
    }
    return end_bundle();
  }

  Result<void> expect_head(const Bundle& bundle) {
    if (!bundle.head) return fail(bundle.head.error());
    ++report_.receipts;
    return session_.tree.expect(
        bundle.head->size, bundle.head->root,
        {ErrorCode::kBadProof, "as the receipt of " + entry_name(bundle.head_of) + " says"});
  }

  Result<void> note_entries(std::uint64_t start, std::span<const Hash32> entries) {
    for (std::size_t i = 0; i < entries.size(); ++i) {
      WITAN_ASSIGN(const auto twice, session_.seen.add(entries[i]));
      if (!twice) continue;
      return fail(ErrorCode::kRefused, entry_name(start + i) + " (" + hex_encode(entries[i]) +
                                           ") stands in the log twice: it is also " +
                                           entry_name(*twice));
    }
    return {};
  }

  Result<void> append(std::span<const Hash32> leaves) {
    WITAN_TRY(session_.tree.append(leaves));
    report_.signatures += leaves.size();
    return {};
  }

  Result<void> end_bundle() {
    if (session_.options.progress) {
      session_.options.progress(
          {session_.tree.size().value, session_.newest.size.value, session_.resumed_from.value});
    }
    if (++bundles_ % std::max<std::uint64_t>(session_.options.save_every_bundles, 1) != 0)
      return {};
    return session_.save();
  }

  Result<void> check_witnesses() {
    const auto& policy = session_.options.policy;
    if (!policy) return {};
    const auto verdict = check_checkpoint(*policy, session_.newest_note);
    if (!verdict) return fail(finding(verdict.error(), "/checkpoint"));
    for (const std::size_t index : verdict->smallest) {
      report_.witnesses.push_back(policy->witnesses.at(index).name);
    }
    return {};
  }

  AuditReport report() {
    AuditReport out = report_;
    out.origin = session_.newest.origin;
    out.size = session_.newest.size;
    out.root = session_.newest.root;
    out.vkey = session_.beginning->keys.log_key.text();
    out.key_source = session_.key_source;
    out.grade = session_.beginning->keys.grade;
    out.resumed_from = session_.resumed_from;
    out.policies = session_.policies.size() - session_.key_sets;
    out.key_sets = session_.key_sets + 1;
    return out;
  }

  LogReader& log_;
  const std::vector<std::unique_ptr<LogReader>> readers_;  // one for each fetching thread
  Session& session_;
  AuditReport report_;
  std::deque<std::future<Fetched>> fetching_;
  std::deque<Checking> checking_;
  std::size_t last_bytes_ = 0;
  std::uint64_t bundles_ = 0;
  std::atomic<bool> abandoned_ = false;
  // Last, so that their threads end before what they use.
  std::vector<std::unique_ptr<Workers>> fetchers_;
  Workers checkers_;
};

}  // namespace
}  // namespace audit

Result<AuditReport> audit_log(const MakeLogReader& readers, const AuditOptions& options) {
  WITAN_ASSIGN(const auto log, readers());
  WITAN_ASSIGN(const auto session, audit::open_session(*log, options));
  std::vector<std::unique_ptr<LogReader>> more;
  for (unsigned i = 0; i < std::max(options.connections, 1u); ++i) {
    WITAN_ASSIGN(auto reader, readers());
    more.push_back(std::move(reader));
  }
  return audit::Auditor(*log, std::move(more), *session).run();
}

}  // namespace witan
