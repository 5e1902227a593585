#include "node/witness/confirm.h"

#include <algorithm>
#include <atomic>
#include <span>
#include <thread>
#include <utility>

#include "config/limits.h"
#include "config/witness_limits.h"
#include "ledger/format/checkpoint.h"
#include "node/witness/own_heads.h"

namespace witan {
namespace {

struct LogToConfirm {
  ConfirmedLog outcome;
  std::vector<VerifierKey> keys;
  std::vector<std::pair<std::uint64_t, std::string>> heads;  // size and note, own ones only
  std::size_t failed = 0;                                    // sources that gave no answer
};

// Each thread asks the sources about every n-th log.
Result<void> ask_about(std::span<LogToConfirm> logs, const ConfirmSources& sources,
                       std::span<const VerifierKey> keys) {
  std::vector<std::vector<HeadSource>> of_thread(
      std::min<std::size_t>(limits::kHeadThreads, logs.size()));
  for (auto& own : of_thread) {
    for (const std::string& peer : sources.peers) {
      WITAN_ASSIGN(HeadSource source,
                   HeadSource::make(peer, sources.ca_file, limits::kHeadDeadline));
      own.push_back(std::move(source));
    }
  }
  std::vector<std::thread> threads;
  for (std::size_t first = 0; first < of_thread.size(); ++first) {
    threads.emplace_back([&, first] {
      for (std::size_t i = first; i < logs.size(); i += of_thread.size()) {
        LogToConfirm& log = logs[i];
        for (HeadSource& source : of_thread[first]) {
          const auto note = source.fetch(log.outcome.origin);
          if (!note) {
            log.failed += note.error().code == ErrorCode::kNotFound ? 0 : 1;
            continue;
          }
          const auto head = own_head(*note, keys);
          if (head && head->origin == log.outcome.origin) {
            log.heads.emplace_back(head->mark.size.value, *note);
          }
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return {};
}

std::string no_head_reason(const LogToConfirm& log, std::size_t peers) {
  std::string out = "nobody who was asked shows a head with this witness's cosignature";
  if (peers == 0) out = "nobody was asked, and no head of it was given";
  if (log.failed > 0) out += "; " + std::to_string(log.failed) + " gave no answer";
  return out;
}

// The newest own head of each log, in batches that the signer takes.
class Adopter {
 public:
  Adopter(WitnessStore& store, HeldCosigner& held) : store_(store), held_(held) {}

  Result<void> add(LogToConfirm& log) {
    const auto newest = std::max_element(log.heads.begin(), log.heads.end());
    const std::size_t bytes = newest->second.size() + 4'096 * log.keys.size();
    if (requests_.size() == limits::kCosignBatchMax ||
        bytes_ + bytes > limits::kCosignBatchBytesMax) {
      WITAN_TRY(flush());
    }
    requests_.push_back({log.keys, {0, {}, newest->second}});
    logs_.push_back(&log);
    bytes_ += bytes;
    return {};
  }

  Result<void> flush() {
    if (requests_.empty()) return {};
    WITAN_ASSIGN(const auto results, held_.adopt(requests_));
    std::vector<Cosigned> adopted;
    std::string two_histories;
    for (std::size_t i = 0; i < results.size(); ++i) {
      if (results[i]) {
        logs_[i]->outcome.head = results[i]->mark.size.value;
        adopted.push_back(*results[i]);
        continue;
      }
      const CosignError& error = results[i].error();
      if (error.refusal == CosignRefusal::kUnprocessable) {
        two_histories = logs_[i]->outcome.origin + ": " + error.message;
      }
      logs_[i]->outcome.reason =
          error.refusal == CosignRefusal::kConflict
              ? "the newest head that was found is older than the mark: " + error.message
              : error.message;
    }
    WITAN_TRY(store_.put_cosigned(adopted));
    if (!two_histories.empty()) return fail(ErrorCode::kConflict, two_histories);
    requests_.clear();
    logs_.clear();
    bytes_ = 0;
    return {};
  }

 private:
  WitnessStore& store_;
  HeldCosigner& held_;
  std::vector<CosignRequest> requests_;
  std::vector<LogToConfirm*> logs_;
  std::size_t bytes_ = 0;
};

}  // namespace

Result<std::vector<ConfirmedLog>> confirm_logs(WitnessStore& store, Cosigner& cosigner,
                                               HeldCosigner& held, const ConfirmSources& sources) {
  WITAN_ASSIGN(const CosignerState identity, cosigner.cosigner_state());
  std::vector<LogToConfirm> logs;
  WITAN_TRY(store.each_log([&](KnownLog&& log, std::optional<StoredCheckpoint>&& checkpoint) {
    LogToConfirm out;
    out.outcome.origin = std::move(log.origin);
    out.keys = std::move(log.keys);
    if (checkpoint) out.outcome.mark = checkpoint->mark.size.value;
    logs.push_back(std::move(out));
    return true;
  }));
  std::sort(logs.begin(), logs.end(), [](const LogToConfirm& a, const LogToConfirm& b) {
    return a.outcome.origin < b.outcome.origin;
  });
  for (const std::string& note : sources.notes) {
    const auto head = own_head(note, identity.keys);
    if (!head) {
      return fail(ErrorCode::kUsage,
                  "a head that was given carries no cosignature of this witness that verifies");
    }
    for (LogToConfirm& log : logs) {
      if (log.outcome.origin == head->origin) log.heads.emplace_back(head->mark.size.value, note);
    }
  }
  if (!sources.peers.empty() && !logs.empty()) {
    WITAN_TRY(ask_about(logs, sources, identity.keys));
  }
  Adopter adopter(store, held);
  for (LogToConfirm& log : logs) {
    if (!log.heads.empty()) {
      WITAN_TRY(adopter.add(log));
    } else {
      log.outcome.reason = no_head_reason(log, sources.peers.size());
    }
  }
  WITAN_TRY(adopter.flush());
  std::vector<ConfirmedLog> out;
  out.reserve(logs.size());
  for (LogToConfirm& log : logs) out.push_back(std::move(log.outcome));
  return out;
}

}  // namespace witan
