#pragma once
// The audit of a whole log by somebody who trusts nothing but a key: every statement, hash,
// signature and registration decision, the tree over them, and the heads that the log has signed.

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/crypto/public_key.h"
#include "ledger/format/note.h"
#include "ledger/ports/signer.h"
#include "node/audit/log_reader.h"
#include "witness/tlog_policy.h"

namespace witan {

struct AuditProgress {
  std::uint64_t done = 0;  // entries checked, those of earlier runs included
  std::uint64_t total = 0;
  std::uint64_t resumed_from = 0;
};

struct AuditOptions {
  // One of them must be the log's. None: the key of an earlier run (state_file), else the log's own
  // word (entry 1).
  std::vector<VerifierKey> log_keys;
  std::optional<PublicKey> receipt_key;  // none: those of entry 1
  // Whom the newest checkpoint must be cosigned by; judged after all else.
  std::optional<TlogPolicy> policy;
  std::string state_file;  // empty: nothing is kept, and nothing resumed
  unsigned threads = 0;    // that verify signatures; 0: one a core
  unsigned connections = 4;
  std::uint64_t save_every_bundles = 64;
  std::function<void(const AuditProgress&)> progress;  // from the calling thread
  const std::atomic<bool>* stop = nullptr;             // set: save and return kUnavailable
};

enum class LogKeySource { kGiven, kEarlierRun, kLogItself };

struct AuditReport {
  std::string origin;
  TreeSize size;
  Hash32 root{};
  std::string vkey;
  LogKeySource key_source = LogKeySource::kLogItself;
  Grade grade = Grade::kSim;  // of the enclave's evidence in entry 1
  TreeSize resumed_from;
  std::uint64_t signatures = 0;        // of statements, in this run
  std::uint64_t receipts = 0;          // sampled, in this run
  std::uint64_t policies = 0;          // in the whole log
  std::uint64_t key_sets = 0;          // in the whole log
  std::vector<std::string> witnesses;  // the smallest set that meets the given policy
  std::uint64_t bytes = 0;             // of statements, in this run
};

// Downloads and checks everything up to the log's newest checkpoint. What it checked before an
// error is kept in the state file. Errors: what a check found (the message names the entry or
// resource, what was found and expected), kConflict for a roll-back or split view (both checkpoints
// are then kept beside the state file), and kUnavailable, kTimeout, kOverloaded, kIo, kNotFound,
// kUsage when the audit could not be made. Blocks.
[[nodiscard]] Result<AuditReport> audit_log(const MakeLogReader& readers,
                                            const AuditOptions& options);

}  // namespace witan
