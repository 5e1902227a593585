#include "node/witness/peer_check.h"

#include <algorithm>
#include <cstdint>
#include <thread>
#include <utility>

#include "config/witness_limits.h"
#include "node/log.h"
#include "node/witness/own_heads.h"

namespace witan {
namespace {

struct RecentLog {
  std::uint64_t time_s = 0;
  std::string origin;
};

Result<std::vector<RecentLog>> recent_logs(WitnessStore& store) {
  std::vector<RecentLog> logs;
  WITAN_TRY(store.each_log([&](KnownLog&& log, std::optional<StoredCheckpoint>&& checkpoint) {
    logs.push_back({checkpoint ? checkpoint->time_s : 0, std::move(log.origin)});
    return true;
  }));
  std::sort(logs.begin(), logs.end(),
            [](const RecentLog& a, const RecentLog& b) { return a.time_s > b.time_s; });
  if (logs.size() > limits::kPeerCheckLogs) logs.resize(limits::kPeerCheckLogs);
  return logs;
}

// What one peer shows with an own cosignature; stops when it gives no answer.
struct PeerAnswers {
  std::vector<OwnHead> heads;
  std::string failure;
};

PeerAnswers ask_peer(HeadSource& peer, const std::vector<RecentLog>& logs,
                     const std::vector<VerifierKey>& keys) {
  PeerAnswers out;
  const auto end = std::chrono::steady_clock::now() + limits::kPeerCheckDeadline;
  for (const RecentLog& log : logs) {
    if (std::chrono::steady_clock::now() >= end) break;
    const auto note = peer.fetch(log.origin);
    if (!note && note.error().code == ErrorCode::kNotFound) continue;
    if (!note) {
      out.failure = note.error().message;
      break;
    }
    auto head = own_head(*note, keys);
    if (head && head->origin == log.origin) out.heads.push_back(std::move(*head));
  }
  return out;
}

Result<void> compare_with_mark(Cosigner& cosigner, HeldCosigner& held, const OwnHead& head,
                               const std::string& peer) {
  WITAN_ASSIGN(const auto mark, cosigner.mark(head.origin));
  if (mark && (head.mark == *mark || head.mark.size < mark->size)) return {};
  WITAN_TRY(held.hold());
  return fail(ErrorCode::kStale,
              "this folder is an old copy: " + peer + " shows that this witness cosigned " +
                  head.origin + " at size " + std::to_string(head.mark.size.value) +
                  ", and here it " +
                  (mark ? "stands at size " + std::to_string(mark->size.value) : "has no mark") +
                  ". From now on every log is held here. Put the newest copy of the folder back; "
                  "when there "
                  "is none, `witan witness confirm` takes each log up to what is shown of it");
}

}  // namespace

Result<void> check_with_peers(WitnessStore& store, Cosigner& cosigner, HeldCosigner& held,
                              const std::vector<std::string>& peers,
                              const std::optional<std::string>& ca_file) {
  if (peers.empty()) return {};
  WITAN_ASSIGN(const CosignerState identity, cosigner.cosigner_state());
  // Held already: each log waits for its own confirmation.
  if (identity.released) return {};
  WITAN_ASSIGN(const auto logs, recent_logs(store));
  std::vector<HeadSource> sources;
  for (const std::string& peer : peers) {
    WITAN_ASSIGN(HeadSource source, HeadSource::make(peer, ca_file, limits::kHeadDeadline));
    sources.push_back(std::move(source));
  }
  std::vector<PeerAnswers> answers(sources.size());
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    threads.emplace_back([&, i] { answers[i] = ask_peer(sources[i], logs, identity.keys); });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::size_t i = 0; i < sources.size(); ++i) {
    if (!answers[i].failure.empty()) {
      log_warning("a peer could not be asked what this witness cosigned",
                  {{"peer", sources[i].url()}, {"reason", answers[i].failure}});
    }
    for (const OwnHead& head : answers[i].heads) {
      WITAN_TRY(compare_with_mark(cosigner, held, head, sources[i].url()));
    }
  }
  return {};
}

}  // namespace witan
