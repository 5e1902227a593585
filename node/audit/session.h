#pragma once
// Where an audit begins or goes on: the newest checkpoint, whose log it is, and what an earlier run
// has left.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/result.h"
#include "ledger/format/checkpoint.h"
#include "node/audit/audit_state.h"
#include "node/audit/auditor.h"
#include "node/audit/identity.h"
#include "node/audit/seen_entries.h"
#include "node/audit/tree_audit.h"

namespace witan::audit {

struct Session {
  Session(LogReader& log, const AuditOptions& audit_options, std::string note,
          Checkpoint newest_checkpoint)
      : options(audit_options),
        newest_note(std::move(note)),
        newest(std::move(newest_checkpoint)),
        tree(log, newest.size) {}

  const AuditOptions& options;
  std::string newest_note;
  Checkpoint newest;
  std::vector<std::string> earlier_notes;  // of the state file
  LogKeySource key_source = LogKeySource::kLogItself;

  std::optional<Beginning> beginning;
  std::optional<ReceiptCheck> receipts;
  std::vector<PolicyEntry> policies;         // and key sets after entry 1
  std::uint64_t key_sets = 0;                // how many of these are key sets
  std::optional<RegistrationPolicy> policy;  // in force after the last of them
  Hash32 keys_entry{};

  TreeAudit tree;
  SeenEntries seen;
  std::uint64_t seen_kept = 0;  // how many of them the file has
  TreeSize resumed_from;

  // A policy or key set after entry 1, which the policy in force must let in; it is in force then.
  // A finding that names the entry.
  Result<void> take_own(const PolicyEntry& where, const Statement& statement);
  // Writes the state file, if there is one. kIo.
  Result<void> save();
  // For a conflict: keeps the notes beside the state file and says so.
  [[nodiscard]] Error with_evidence(Error error) const;
};

// The errors of audit_log().
[[nodiscard]] Result<std::unique_ptr<Session>> open_session(LogReader& log,
                                                            const AuditOptions& options);

}  // namespace witan::audit
