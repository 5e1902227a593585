#include "node/waiters.h"

#include <algorithm>

namespace witan {
namespace {

Registration registered(const Hash32& entry, LeafIndex index, Stage stage) {
  return Registration{entry, index, stage};
}

}  // namespace

void Waiters::add(const Hash32& entry, std::uint64_t deadline_ms, std::optional<LeafIndex> index,
                  RegistrationDone done) {
  Entry& waiting = waiting_[entry];
  if (index) waiting.index = index;
  waiting.waiters.push_back(Waiter{deadline_ms, std::move(done)});
}

void Waiters::decided(const Hash32& entry, LeafIndex index, std::uint64_t now_ms,
                      std::vector<DueAnswer>& due) {
  const auto found = waiting_.find(entry);
  if (found == waiting_.end()) return;
  found->second.index = index;
  auto& waiters = found->second.waiters;
  const auto over = std::stable_partition(waiters.begin(), waiters.end(),
                                          [&](const Waiter& w) { return w.deadline_ms > now_ms; });
  for (auto it = over; it != waiters.end(); ++it) {
    due.push_back({std::move(it->done), registered(entry, index, Stage::kDecided)});
  }
  waiters.erase(over, waiters.end());
  if (waiters.empty()) waiting_.erase(found);
}

void Waiters::published(const Hash32& entry, LeafIndex index, std::vector<DueAnswer>& due) {
  const auto found = waiting_.find(entry);
  if (found == waiting_.end()) return;
  for (Waiter& waiter : found->second.waiters) {
    due.push_back({std::move(waiter.done), registered(entry, index, Stage::kPublished)});
  }
  waiting_.erase(found);
}

void Waiters::failed(const Hash32& entry, const StatementError& error,
                     std::vector<DueAnswer>& due) {
  const auto found = waiting_.find(entry);
  if (found == waiting_.end()) return;
  for (Waiter& waiter : found->second.waiters) {
    due.push_back({std::move(waiter.done), tl::unexpected<StatementError>(error)});
  }
  waiting_.erase(found);
}

void Waiters::fail_all(const StatementError& error, std::vector<DueAnswer>& due) {
  while (!waiting_.empty()) failed(Hash32(waiting_.begin()->first), error, due);
}

void Waiters::expire(std::uint64_t now_ms, bool crowded, std::uint64_t grace_ms,
                     std::vector<DueAnswer>& due) {
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    const auto& [entry, state] = *it;
    auto& waiters = it->second.waiters;
    for (std::size_t i = 0; i < waiters.size();) {
      const bool over = waiters[i].deadline_ms <= now_ms;
      if (state.index && (over || crowded)) {
        due.push_back(
            {std::move(waiters[i].done), registered(entry, *state.index, Stage::kDecided)});
      } else if (!state.index && waiters[i].deadline_ms + grace_ms <= now_ms) {
        due.push_back({std::move(waiters[i].done),
                       tl::unexpected<StatementError>(StatementError(
                           ErrorCode::kTimeout,
                           "the statement was accepted but could not be stored in time; whether it "
                           "will be is open: post it again, or ask for its receipt",
                           StatementFault::kRejected))});
      } else {
        ++i;
        continue;
      }
      waiters[i] = std::move(waiters.back());
      waiters.pop_back();
    }
    it = waiters.empty() ? waiting_.erase(it) : std::next(it);
  }
}

}  // namespace witan
