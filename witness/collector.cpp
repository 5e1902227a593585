#include "witness/collector.h"

#include <algorithm>
#include <utility>

#include "config/limits.h"
#include "ledger/crypto/ml_dsa.h"
#include "ledger/format/checkpoint.h"
#include "witness/add_checkpoint.h"

namespace witan {
namespace {

// An honest witness needs one; two when an answer was lost meanwhile.
constexpr unsigned kConflictsInARowMax = 3;
constexpr std::size_t kShownBodyChars = 200;

// Why a witness of the policy is never asked; empty when it is.
std::string unfit(const TlogPolicy& policy, const TlogPolicy::Witness& witness,
                  const VerifierKey& log) {
  // Any key of the log, as check_checkpoint has it: also an older one that the policy still lists.
  const bool own = std::any_of(policy.logs.begin(), policy.logs.end(), [&](const auto& listed) {
    return listed.key.name == log.name && listed.key.key == witness.key.key;
  });
  if (own || witness.key.name == log.name || witness.key.key == log.key) {
    return "it is the log itself, which is no witness of itself";
  }
  if (witness.url.empty()) return "the policy gives no URL for it";
  if (witness.key.algorithm == NoteAlgorithm::kMlDsa44 && !ml_dsa_available()) {
    return "this build cannot check ML-DSA-44 cosignatures; it needs OpenSSL 3.5";
  }
  return "";
}

// That one note can hold the cosignatures of all.
Result<void> check_room(const TlogPolicy& policy, const std::vector<bool>& askable) {
  constexpr std::size_t kBeside = 16u << 10;  // the text and the log's own lines
  constexpr std::size_t kEd25519Line = 128, kMlDsa44Line = 3'300;
  std::size_t count = 0, bytes = kBeside;
  for (std::size_t i = 0; i < askable.size(); ++i) {
    if (!askable[i]) continue;
    const VerifierKey& key = policy.witnesses[i].key;
    ++count;
    bytes += key.name.size();
    bytes += key.algorithm == NoteAlgorithm::kMlDsa44 ? kMlDsa44Line : kEd25519Line;
  }
  if (count <= limits::kWitnessesAskedMax && bytes <= limits::kNoteBytesMax) return {};
  return fail(ErrorCode::kUsage, "the policy has " + std::to_string(count) +
                                     " witnesses to be asked, whose cosignatures take " +
                                     std::to_string(bytes) + " bytes; a log asks at most " +
                                     std::to_string(limits::kWitnessesAskedMax) +
                                     ", and a note has " + "at most " +
                                     std::to_string(limits::kNoteBytesMax) + " bytes");
}

std::string shown(std::string_view body) {
  std::string out(body.substr(0, kShownBodyChars));
  while (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

}  // namespace

std::string_view to_string(WitnessOutcome outcome) {
  switch (outcome) {
    case WitnessOutcome::kCosigned:
      return "cosigned";
    case WitnessOutcome::kConflict:
      return "conflict";
    case WitnessOutcome::kAhead:
      return "ahead";
    case WitnessOutcome::kForged:
      return "forged";
    case WitnessOutcome::kRefused:
      return "refused";
    case WitnessOutcome::kFailed:
      return "failed";
    case WitnessOutcome::kLate:
      return "late";
  }
  return "unknown";
}

Result<Collector> Collector::make(TlogPolicy policy, const VerifierKey& log,
                                  CollectorOptions options, TreeSize published,
                                  std::uint64_t seed) {
  const bool listed = std::any_of(policy.logs.begin(), policy.logs.end(),
                                  [&log](const TlogPolicy::Log& l) { return l.key == log; });
  if (!listed) {
    return fail(ErrorCode::kUsage,
                "the policy has no line for this log; expected \"log " + log.text() + "\"");
  }
  Collector out(std::move(policy), options, seed);
  std::vector<bool> askable;
  std::string left_out;
  for (const TlogPolicy::Witness& witness : out.policy_.witnesses) {
    Asked& asked = out.asked_.emplace_back();
    asked.state.name = witness.name;
    asked.state.url = witness.url;
    asked.state.problem = unfit(out.policy_, witness, log);
    asked.state.asked = asked.state.problem.empty();
    asked.old = published;
    askable.push_back(asked.state.asked);
    if (!asked.state.asked) left_out += "; " + witness.name + ": " + asked.state.problem;
  }
  if (!smallest_quorum(out.policy_, askable)) {
    return fail(ErrorCode::kUsage,
                "the policy's quorum \"" + out.policy_.quorum + "\" could never be met" + left_out);
  }
  WITAN_TRY(check_room(out.policy_, askable));
  return out;
}

Result<void> Collector::offer(std::string signed_note, std::uint64_t now_ms, bool is_published) {
  WITAN_ASSIGN(Note note, Note::parse(signed_note));
  WITAN_ASSIGN(const Checkpoint checkpoint, Checkpoint::parse(note.text));
  if (head_ && checkpoint.size == head_->size && note.text == head_->note.text) return {};
  if (head_ && checkpoint.size <= head_->size) {
    return fail(ErrorCode::kConflict, "a head of size " + std::to_string(checkpoint.size.value) +
                                          " after one of size " +
                                          std::to_string(head_->size.value));
  }
  head_ = Head{
      checkpoint.size, std::move(note), std::move(signed_note), now_ms, {}, is_published, false};
  for (Asked& witness : asked_) {
    witness.line.reset();
    witness.conflicts = 0;
  }
  check_quorum(now_ms);
  return {};
}

bool Collector::wants(const Asked& witness) const {
  return head_ && !head_->done && witness.state.asked && !witness.line;
}

std::vector<WitnessQuestion> Collector::questions(std::uint64_t now_ms) {
  std::vector<WitnessQuestion> out;
  for (std::size_t i = 0; i < asked_.size(); ++i) {
    Asked& witness = asked_[i];
    if (witness.question && now_ms >= witness.question->deadline_ms) {
      witness.question.reset();
      witness.state.last_answer = "no answer";
      failed(witness, "no answer within " + std::to_string(options_.deadline_ms) + " ms", now_ms);
    }
    if (!wants(witness) || witness.question || now_ms < witness.not_before_ms) continue;
    witness.question = Question{++last_id_, now_ms + options_.deadline_ms,
                                std::min(witness.old, head_->size), head_->size};
    out.push_back({i, last_id_, witness.question->old, head_->size, head_->encoded});
  }
  return out;
}

void Collector::failed(Asked& witness, std::string problem, std::uint64_t now_ms) {
  witness.state.problem = std::move(problem);
  witness.conflicts = 0;
  const std::uint64_t doublings = std::min<std::uint64_t>(witness.state.failures++, 32);
  const std::uint64_t most = std::max<std::uint64_t>(
      1, std::min(options_.backoff_first_ms << doublings, options_.backoff_max_ms));
  witness.not_before_ms = now_ms + most - random_() % (most / 2 + 1);
}

CheckedAnswer::CheckedAnswer(const VerifierKey& key, const WitnessQuestion& question,
                             WitnessAnswer answer)
    : answer_(std::move(answer)), witness_(question.witness), id_(question.id) {
  auto note = Note::parse(question.note);
  if (!note) return;
  text_ = note->text;
  if (answer_.status != 200) return;
  auto lines = parse_signature_lines(answer_.body);
  if (!lines) return;
  std::size_t verified = 0;
  for (NoteSignature& line : *lines) {
    if (line.name != key.name || line.id != key.id) continue;
    if (verified++ == kLinesVerifiedMax) break;
    const auto check = check_signature(*note, line, key);
    // The specification wants a time; later ones replace earlier ones.
    if (check.status != SignatureStatus::kValid || check.timestamp.value_or(0) <= time_s_) continue;
    time_s_ = *check.timestamp;
    line_ = std::move(line);
  }
}

// Keeps it, if it is over the offered head.
void Collector::take_line(Asked& witness, CheckedAnswer& answer) {
  witness.state.time_s = answer.time_s_;
  if (answer.text_ == head_->note.text) witness.line = std::move(answer.line_);
}

WitnessOutcome Collector::take_conflict(Asked& witness, const Question& question,
                                        std::string_view body, std::uint64_t now_ms) {
  const auto size = parse_tlog_size(body);
  if (!size) {
    witness.state.last_answer = "409";
    failed(witness, "status 409: " + size.error().message, now_ms);
    return WitnessOutcome::kRefused;
  }
  const std::string number = std::to_string(*size);
  witness.state.last_answer = "409: " + number;
  if (TreeSize{*size} > head_->size) {
    failed(witness,
           "it has cosigned a tree of " + number + " leaves, above the " +
               std::to_string(head_->size.value) +
               " that this log has signed: was the log restored from an old backup?",
           now_ms);
    return WitnessOutcome::kAhead;
  }
  witness.old = TreeSize{*size};
  if (witness.old == question.old) {
    failed(witness, "it answers 409 with the size " + number + " that it was asked with", now_ms);
    return WitnessOutcome::kRefused;
  }
  if (++witness.conflicts > kConflictsInARowMax) {
    failed(witness, "it answers 409 again and again, now with the size " + number, now_ms);
    return WitnessOutcome::kRefused;
  }
  return WitnessOutcome::kConflict;
}

// The problem of an answer that is neither 200 nor 409, and how long its witness is left alone.
WitnessOutcome Collector::take_failure(Asked& witness, const WitnessAnswer& answer,
                                       std::uint64_t now_ms) {
  if (answer.status == 0) {
    witness.state.last_answer = "no answer";
    failed(witness, shown(answer.body), now_ms);
    return WitnessOutcome::kFailed;
  }
  witness.state.last_answer = std::to_string(answer.status);
  std::string problem = "status " + witness.state.last_answer + ": " + shown(answer.body);
  const bool heeded = answer.retry_after_ms > 0 && (answer.status == 429 || answer.status == 503);
  const std::uint64_t pause_ms = std::min(answer.retry_after_ms, options_.retry_after_max_ms);
  if (heeded) problem += "; left alone for " + std::to_string((pause_ms + 999) / 1'000) + " s";
  failed(witness, std::move(problem), now_ms);
  if (heeded) witness.not_before_ms = std::max(witness.not_before_ms, now_ms + pause_ms);
  return WitnessOutcome::kRefused;
}

WitnessOutcome Collector::answered(CheckedAnswer answer, std::uint64_t now_ms) {
  Asked& asked = asked_.at(answer.witness_);
  if (!asked.question || asked.question->id != answer.id_) {
    // Too late, but a cosignature is a cosignature.
    if (answer.line_ && wants(asked)) {
      take_line(asked, answer);
      check_quorum(now_ms);
    }
    return WitnessOutcome::kLate;
  }
  const Question question = *std::exchange(asked.question, std::nullopt);
  const unsigned status = answer.answer_.status;
  if (status == 409) return take_conflict(asked, question, answer.answer_.body, now_ms);
  if (status != 200) return take_failure(asked, answer.answer_, now_ms);
  if (!answer.line_) {
    asked.state.last_answer = "200 without its cosignature";
    failed(asked, "status 200 without a valid cosignature under the policy's key", now_ms);
    return WitnessOutcome::kForged;
  }
  take_line(asked, answer);
  asked.old = question.size;
  asked.state.size = std::max(asked.state.size, question.size);
  asked.state.last_answer = "cosigned";
  asked.state.problem.clear();
  asked.state.failures = 0;
  asked.conflicts = 0;
  asked.not_before_ms = 0;
  check_quorum(now_ms);
  return WitnessOutcome::kCosigned;
}

void Collector::check_quorum(std::uint64_t now_ms) {
  if (!head_ || head_->met_ms) return;
  std::vector<bool> present;
  for (const Asked& witness : asked_) present.push_back(witness.line.has_value());
  if (smallest_quorum(policy_, present)) head_->met_ms = now_ms;
}

bool Collector::all_answered(std::uint64_t now_ms) const {
  // One that failed last is not waited for: it may be one that never answers.
  return std::none_of(asked_.begin(), asked_.end(), [&](const Asked& witness) {
    return wants(witness) && witness.state.failures == 0 &&
           (witness.question || now_ms >= witness.not_before_ms);
  });
}

std::string Collector::whole_note() const {
  Note note = head_->note;
  for (const Asked& witness : asked_) {
    if (witness.line) note.signatures.push_back(*witness.line);
  }
  return note.encode();
}

std::optional<WitnessedHead> Collector::decide(std::uint64_t now_ms) {
  if (!head_ || head_->done) return std::nullopt;
  const bool met = head_->met_ms &&
                   (now_ms >= *head_->met_ms + options_.beyond_quorum_ms || all_answered(now_ms));
  const bool given_up = !head_->met_ms && !head_->unwitnessed && options_.unwitnessed_after_ms &&
                        now_ms >= head_->since_ms + *options_.unwitnessed_after_ms;
  if (!met && !given_up) return std::nullopt;
  WitnessedHead out{head_->size, met, head_->unwitnessed, whole_note(), ""};
  if (met) {
    // As everybody else will check it. Each line was verified when it came, so this cannot fail;
    // if it did, asking again and again would not help.
    auto verdict = check_checkpoint(policy_, out.note);
    if (!verdict) {
      head_->met_ms.reset();
      return std::nullopt;
    }
    out.small_note = std::move(verdict->smallest_note);
    head_->done = true;
  } else {
    out.small_note = out.note;
    head_->unwitnessed = true;
  }
  return out;
}

std::optional<std::uint64_t> Collector::next_deadline(std::uint64_t now_ms) const {
  if (!head_ || head_->done) return std::nullopt;
  std::optional<std::uint64_t> next;
  const auto at = [&next, now_ms](std::uint64_t time_ms) {
    next = std::min(next.value_or(time_ms), std::max(time_ms, now_ms));
  };
  for (const Asked& witness : asked_) {
    if (witness.question) {
      at(witness.question->deadline_ms);
    } else if (wants(witness)) {
      at(witness.not_before_ms);
    }
  }
  if (head_->met_ms) {
    at(*head_->met_ms + options_.beyond_quorum_ms);
  } else if (options_.unwitnessed_after_ms && !head_->unwitnessed) {
    at(head_->since_ms + *options_.unwitnessed_after_ms);
  }
  return next;
}

std::vector<WitnessState> Collector::witnesses() const {
  std::vector<WitnessState> out;
  for (const Asked& witness : asked_) out.push_back(witness.state);
  return out;
}

std::string Collector::missing() const {
  std::string out;
  for (const Asked& witness : asked_) {
    if (witness.line) continue;
    out += (out.empty() ? "" : "; ") + witness.state.name + ": " +
           (witness.state.problem.empty() ? "has not answered yet" : witness.state.problem);
  }
  return "the quorum \"" + policy_.quorum + "\"; missing: " + out;
}

std::string Collector::waiting_for() const {
  if (!head_ || head_->done) return "";
  // Where heads are held, nothing follows one that was published without its quorum.
  if (head_->unwitnessed) return options_.unwitnessed_after_ms ? "" : lacking();
  return "the head of size " + std::to_string(head_->size.value) + " waits for " + missing();
}

std::string Collector::lacking() const {
  if (!head_ || head_->done || !head_->unwitnessed) return "";
  return "the published head of size " + std::to_string(head_->size.value) + " lacks " + missing();
}

}  // namespace witan
