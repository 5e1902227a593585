#include "witness/tlog_policy.h"

#include <algorithm>
#include <map>
#include <utility>

#include "ledger/format/tlog_proof.h"
#include "ledger/tree/proof.h"

namespace witan {
namespace {

using Indices = std::vector<std::size_t>;
// Of each name that is satisfied: the smallest set of witnesses that does it.
using SetsByName = std::map<std::string, Indices, std::less<>>;

// Names belong to at most one group, so sets of members never overlap and the smallest union is
// that of the smallest sets.
std::optional<Indices> smallest_of_group(const TlogPolicy::Group& group, const SetsByName& sets) {
  std::vector<const Indices*> met;
  for (const std::string& member : group.members) {
    const auto found = sets.find(member);
    if (found != sets.end()) met.push_back(&found->second);
  }
  if (met.size() < group.threshold) return std::nullopt;
  std::stable_sort(met.begin(), met.end(),
                   [](const Indices* a, const Indices* b) { return a->size() < b->size(); });
  Indices out;
  for (std::size_t i = 0; i < group.threshold; ++i) {
    out.insert(out.end(), met[i]->begin(), met[i]->end());
  }
  return out;
}

bool is_own_key(const TlogPolicy& policy, const TlogPolicy::Witness& witness,
                std::string_view origin) {
  if (witness.key.name == origin) return true;
  return std::any_of(policy.logs.begin(), policy.logs.end(), [&](const TlogPolicy::Log& log) {
    return log.key.name == origin && log.key.key == witness.key.key;
  });
}

WitnessVerdict check_witness(const Note& note, const VerifierKey& key) {
  WitnessVerdict out;
  for (std::size_t i = 0; i < note.signatures.size(); ++i) {
    const SignatureCheck check = check_signature(note, note.signatures[i], key);
    const std::uint64_t time_s = check.timestamp.value_or(0);
    switch (check.status) {
      case SignatureStatus::kUnknownKey:
        break;
      case SignatureStatus::kValid:
        if (out.status != WitnessStatus::kValid || time_s > out.time_s) {
          out = {WitnessStatus::kValid, time_s, i};
        }
        break;
      case SignatureStatus::kUnverifiable:
        if (out.status != WitnessStatus::kValid) out.status = WitnessStatus::kUnverifiable;
        break;
      case SignatureStatus::kInvalid:
        if (out.status == WitnessStatus::kAbsent) out.status = WitnessStatus::kInvalid;
        break;
    }
  }
  return out;
}

Result<VerifierKey> find_log_key(const TlogPolicy& policy, const Note& note,
                                 std::string_view origin) {
  std::optional<Error> first;
  for (const TlogPolicy::Log& log : policy.logs) {
    if (log.key.name != origin) continue;
    const auto verified = verify_note(note, log.key);
    if (verified) return log.key;
    if (!first) first = verified.error().within("log " + std::string(origin));
  }
  if (first) return fail(*std::move(first));
  return fail(ErrorCode::kNotFound,
              "policy: no log key for the checkpoint's origin \"" + std::string(origin) + "\"");
}

// The witnesses that stand below a name.
void collect_witnesses(const TlogPolicy& policy, const std::string& top, Indices& out) {
  std::vector<std::string> open = {top};
  while (!open.empty()) {
    const std::string name = std::move(open.back());
    open.pop_back();
    for (std::size_t i = 0; i < policy.witnesses.size(); ++i) {
      if (policy.witnesses[i].name == name) out.push_back(i);
    }
    for (const TlogPolicy::Group& group : policy.groups) {
      if (group.name == name) open.insert(open.end(), group.members.begin(), group.members.end());
    }
  }
  std::sort(out.begin(), out.end());
}

Error quorum_error(const TlogPolicy& policy, const std::vector<WitnessVerdict>& verdicts) {
  Indices wanted;
  collect_witnesses(policy, policy.quorum, wanted);
  std::string missing;
  std::size_t valid = 0;
  for (const std::size_t i : wanted) {
    if (verdicts[i].status == WitnessStatus::kValid) {
      ++valid;
      continue;
    }
    missing += (missing.empty() ? "" : ", ") + policy.witnesses[i].name + " (" +
               std::string(to_string(verdicts[i].status)) + ")";
  }
  return Error{ErrorCode::kRefused,
               "quorum \"" + policy.quorum + "\" not met: " + std::to_string(valid) + " of its " +
                   std::to_string(wanted.size()) + " witnesses cosigned; missing: " + missing};
}

const NoteSignature& log_line(const Note& note, const VerifierKey& key) {
  const auto found =
      std::find_if(note.signatures.begin(), note.signatures.end(),
                   [&key](const NoteSignature& s) { return s.name == key.name && s.id == key.id; });
  return *found;  // verify_note has seen one
}

}  // namespace

std::string_view to_string(WitnessStatus status) {
  switch (status) {
    case WitnessStatus::kAbsent:
      return "no cosignature";
    case WitnessStatus::kValid:
      return "valid";
    case WitnessStatus::kInvalid:
      return "wrong cosignature";
    case WitnessStatus::kUnverifiable:
      return "cannot be verified by this build";
    case WitnessStatus::kOwnKey:
      return "the log's own key";
  }
  return "unknown";
}

std::optional<Indices> smallest_quorum(const TlogPolicy& policy, const std::vector<bool>& present) {
  if (policy.quorum == "none") return Indices{};
  SetsByName sets;
  for (std::size_t i = 0; i < policy.witnesses.size(); ++i) {
    if (i < present.size() && present[i]) sets.emplace(policy.witnesses[i].name, Indices{i});
  }
  // Groups only have members defined before them, so one pass suffices.
  for (const TlogPolicy::Group& group : policy.groups) {
    auto set = smallest_of_group(group, sets);
    if (set) sets.emplace(group.name, *std::move(set));
  }
  const auto found = sets.find(policy.quorum);
  if (found == sets.end()) return std::nullopt;
  Indices out = found->second;
  std::sort(out.begin(), out.end());
  return out;
}

Result<PolicyVerdict> check_checkpoint(const TlogPolicy& policy, std::string_view signed_note) {
  PolicyVerdict out;
  WITAN_ASSIGN(out.note, Note::parse(signed_note));
  WITAN_ASSIGN(out.checkpoint, Checkpoint::parse(out.note.text));
  WITAN_ASSIGN(out.log_key, find_log_key(policy, out.note, out.checkpoint.origin));

  std::vector<bool> present;
  for (const TlogPolicy::Witness& witness : policy.witnesses) {
    WitnessVerdict verdict;
    if (is_own_key(policy, witness, out.checkpoint.origin)) {
      verdict.status = WitnessStatus::kOwnKey;
    } else {
      verdict = check_witness(out.note, witness.key);
    }
    present.push_back(verdict.status == WitnessStatus::kValid);
    out.witnesses.push_back(verdict);
  }
  auto smallest = smallest_quorum(policy, present);
  if (!smallest) return fail(quorum_error(policy, out.witnesses));
  out.smallest = *std::move(smallest);

  Note reduced{out.note.text, {log_line(out.note, out.log_key)}};
  for (const std::size_t i : out.smallest) {
    reduced.signatures.push_back(out.note.signatures[out.witnesses[i].line]);
  }
  out.smallest_note = reduced.encode();
  return out;
}

Result<PolicyVerdict> check_tlog_proof(const TlogPolicy& policy, std::string_view proof,
                                       const Hash32& leaf) {
  WITAN_ASSIGN(const TlogProof parsed, TlogProof::parse(proof));
  WITAN_ASSIGN(PolicyVerdict verdict, check_checkpoint(policy, parsed.checkpoint));
  WITAN_TRY(verify_inclusion(parsed.index, verdict.checkpoint.size, leaf, parsed.path,
                             verdict.checkpoint.root));
  return verdict;
}

}  // namespace witan
