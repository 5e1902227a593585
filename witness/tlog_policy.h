#pragma once
// Trust policies: which logs, which witnesses, and which subsets of them suffice.
// Source: C2SP tlog-policy, evaluated over C2SP tlog-checkpoint and tlog-cosignature.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/format/checkpoint.h"
#include "ledger/format/note.h"

namespace witan {

struct TlogPolicy {
  struct Log {
    VerifierKey key;  // its name is the log's origin
    std::string url;  // may be empty
    friend bool operator==(const Log&, const Log&) = default;
  };
  struct Witness {
    std::string name;  // within the policy; not the key's name
    VerifierKey key;   // of type 4 or 6
    std::string url;
    friend bool operator==(const Witness&, const Witness&) = default;
  };
  // Witnesses a checkpoint when at least `threshold` of its members do. Members are witnesses or
  // groups before this one; each name is a member at most once in the whole policy.
  struct Group {
    std::string name;
    std::size_t threshold = 1;
    std::vector<std::string> members;
    friend bool operator==(const Group&, const Group&) = default;
  };
  std::vector<Log> logs;
  std::vector<Witness> witnesses;
  std::vector<Group> groups;
  std::string quorum = "none";  // or the name of a witness or group

  // kMalformed naming the line; kUnsupported for a key of an unknown or unfit type; kTooLarge above
  // limits::kTlogPolicy*. Every line must end in a newline, since a cut-off policy may be a weaker
  // one.
  static Result<TlogPolicy> parse(std::string_view text);
  // The policy in one form: logs, witnesses, groups, quorum, single spaces. parse gives an equal
  // policy again. Comments are not kept.
  [[nodiscard]] std::string encode() const;
  friend bool operator==(const TlogPolicy&, const TlogPolicy&) = default;
};

// The smallest set of witnesses that meets the quorum, as ascending indices into policy.witnesses;
// `present` says of each witness whether its cosignature is valid. Of equally small sets, the one
// whose members come first in their groups. nullopt when the quorum is not met; empty for "none".
[[nodiscard]] std::optional<std::vector<std::size_t>> smallest_quorum(
    const TlogPolicy& policy, const std::vector<bool>& present);

enum class WitnessStatus {
  kAbsent,        // no line under its key
  kValid,         // at least one line verifies; forged lines beside it change nothing
  kInvalid,       // lines, but none verifies
  kUnverifiable,  // a key type that this build cannot check
  kOwnKey,        // the log's own key or name: a log is no witness of itself
};
[[nodiscard]] std::string_view to_string(WitnessStatus status);

struct WitnessVerdict {
  WitnessStatus status = WitnessStatus::kAbsent;
  std::uint64_t time_s = 0;  // of the latest valid cosignature; 0 when it says no time
  std::size_t line = 0;      // its index in the note's signatures; only for kValid
};

struct PolicyVerdict {
  Note note;
  Checkpoint checkpoint;
  VerifierKey log_key;                    // the first of the policy that verified
  std::vector<WitnessVerdict> witnesses;  // one for each of policy.witnesses
  std::vector<std::size_t> smallest;      // smallest_quorum of them
  // The checkpoint with the log's signature and the smallest set of cosignatures, in the policy's
  // order of witnesses. The same bytes wherever the same lines were seen; meets the policy itself.
  std::string smallest_note;
};

// Checks a checkpoint against a policy. The failure names the first thing that fails: kMalformed or
// kTooLarge (not a checkpoint), kNotFound (no log line for its origin), kBadSignature (the log's
// signature; kUnsupported where this build cannot check it), kRefused (the quorum; names each
// witness that is missing and why). Times of cosignatures are reported, not judged.
[[nodiscard]] Result<PolicyVerdict> check_checkpoint(const TlogPolicy& policy,
                                                     std::string_view signed_note);

// Checks a C2SP tlog-proof of one leaf hash: its checkpoint as above, then the inclusion proof
// (kBadProof).
[[nodiscard]] Result<PolicyVerdict> check_tlog_proof(const TlogPolicy& policy,
                                                     std::string_view proof, const Hash32& leaf);

}  // namespace witan
