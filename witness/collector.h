#pragma once
// Collects witnesses' cosignatures for a log's newest head. A core without I/O, threads or clock:
// its owner sends the questions, hands in the answers, tells the time, and publishes when told to.
// Sources: C2SP tlog-witness, section "add-checkpoint"; C2SP tlog-policy.
//
// Why a log can always go on. Its owner signs one head at a time and offers it until it is
// published. An honest witness stands at a size that this log has signed, which is never above the
// newest head, and cosigns the newest head from whatever size it stands at, its own included, as
// often as it is asked. Which size that is, a 409 tells: so two questions to a witness that can be
// reached suffice, whatever was asked, answered or lost before, here or before a restart. Nothing
// that one witness does keeps another from being asked, and none is given up on: after a failure
// it is asked again, at most `backoff_max_ms` later, or `retry_after_max_ms` when it asks for a
// pause. A head that some witnesses have cosigned and that was never published is thus no obstacle
// either: it is offered again, or is in the past of the one that is.

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/format/note.h"
#include "witness/tlog_policy.h"

namespace witan {

struct CollectorOptions {
  // How long a question may go unanswered.
  std::uint64_t deadline_ms = 5'000;
  // How long after the quorum is met the rest is waited for; less when all have answered but
  // those that failed last.
  std::uint64_t beyond_quorum_ms = 100;
  // After the first failure of a witness, doubled with each further one, with jitter of up to half.
  std::uint64_t backoff_first_ms = 250;
  std::uint64_t backoff_max_ms = 10'000;
  // How long at most a witness that answers 429 or 503 is left alone, when it asks for that.
  std::uint64_t retry_after_max_ms = 600'000;
  // When set: a head without quorum for so long is published all the same.
  std::optional<std::uint64_t> unwitnessed_after_ms;
};

// To be sent as add-checkpoint, with the consistency proof from `old` to `size`.
struct WitnessQuestion {
  std::size_t witness = 0;  // index into the policy's witnesses
  std::uint64_t id = 0;     // goes with the answer
  TreeSize old;
  TreeSize size;
  std::string note;
};

struct WitnessAnswer {
  unsigned status = 0;               // of HTTP; 0 when no answer came
  std::string body;                  // without status: why none came
  std::uint64_t retry_after_ms = 0;  // of a Retry-After header; 0: none
};

// An answer whose cosignature is verified, if it has one. Verifying takes time and needs nothing of
// a collector: it is done before the collector is locked.
class CheckedAnswer {
 public:
  // Lines under the witness's name and key id that are verified; a witness has one for each key,
  // and is not to keep its log busy with more.
  static constexpr std::size_t kLinesVerifiedMax = 4;

  // `key` is that of the question's witness in the policy.
  CheckedAnswer(const VerifierKey& key, const WitnessQuestion& question, WitnessAnswer answer);

 private:
  friend class Collector;
  WitnessAnswer answer_;
  std::size_t witness_;
  std::uint64_t id_;
  std::string text_;                   // that the question was about
  std::optional<NoteSignature> line_;  // the latest valid cosignature over it
  std::uint64_t time_s_ = 0;           // of the line
};

enum class WitnessOutcome {
  kCosigned,
  kConflict,  // 409 with a size that was learnt from; asked again at once
  kAhead,     // 409 with a size above all that this log has signed: was the log rolled back?
  kForged,    // 200 without a valid cosignature
  kRefused,   // another status, or a 409 that makes no sense
  kFailed,    // no answer
  kLate,      // to a question that was given up on
};
// Short, stable, for metrics and logs: "cosigned", "conflict", ...
[[nodiscard]] std::string_view to_string(WitnessOutcome outcome);

// What /status shows of a witness.
struct WitnessState {
  std::string name;
  std::string url;
  bool asked = true;           // false: has no URL, or is no witness of this log; see `problem`
  TreeSize size;               // the largest that it cosigned, as far as known here
  std::uint64_t time_s = 0;    // of its last cosignature
  std::string last_answer;     // "cosigned", "409: 7", "no answer: connection refused"
  std::string problem;         // why it fails; empty when it does not
  std::uint64_t failures = 0;  // in a row
  friend bool operator==(const WitnessState&, const WitnessState&) = default;
};

// A head to publish.
struct WitnessedHead {
  TreeSize size;
  bool quorum = true;      // false: unwitnessed_after_ms has passed
  bool again = false;      // was published without its quorum, and now has it
  std::string note;        // with all cosignatures
  std::string small_note;  // with the smallest set that meets the policy; same as `note` without it
};

class Collector {
 public:
  // `log` must be one of the policy's logs. kUsage when it is not, when witnesses with a URL that
  // this build can check and that are not the log itself could never meet the quorum, or when there
  // are more than limits::kWitnessesAskedMax of them or one note cannot hold their cosignatures.
  // `seed` is for the jitter. `published`, the log's size, is where witnesses are first taken to
  // stand.
  static Result<Collector> make(TlogPolicy policy, const VerifierKey& log, CollectorOptions options,
                                TreeSize published, std::uint64_t seed);

  // The head to be witnessed from now on, signed by the log; larger than all before it, or the same
  // again, which changes nothing. kMalformed when it is no checkpoint, kConflict when it is
  // smaller. `is_published`: it was published without its quorum, and witnesses are asked all the
  // same.
  Result<void> offer(std::string signed_note, std::uint64_t now_ms, bool is_published = false);

  // The questions to be sent now. Each has one answer; without it, it is given up on at its
  // deadline, by a call of this.
  [[nodiscard]] std::vector<WitnessQuestion> questions(std::uint64_t now_ms);
  WitnessOutcome answered(CheckedAnswer answer, std::uint64_t now_ms);

  // The offered head, when it is time to publish it; and a second time when it has its quorum
  // later. Ask after questions().
  [[nodiscard]] std::optional<WitnessedHead> decide(std::uint64_t now_ms);

  // When to call questions() and decide() again though nothing happened.
  [[nodiscard]] std::optional<std::uint64_t> next_deadline(std::uint64_t now_ms) const;

  [[nodiscard]] std::vector<WitnessState> witnesses() const;
  // Why the offered head is not published, or, when none is without its quorum, why none can follow
  // it; empty when none waits.
  [[nodiscard]] std::string waiting_for() const;
  // Who is asked for cosignatures of a head that was published without its quorum; empty when none
  // was.
  [[nodiscard]] std::string lacking() const;
  [[nodiscard]] const TlogPolicy& policy() const { return policy_; }

 private:
  struct Question {
    std::uint64_t id = 0;
    std::uint64_t deadline_ms = 0;
    TreeSize old;
    TreeSize size;
  };
  struct Asked {
    WitnessState state;
    TreeSize old;  // where it is taken to stand
    std::optional<Question> question;
    std::optional<NoteSignature> line;  // for the offered head
    unsigned conflicts = 0;             // in a row
    std::uint64_t not_before_ms = 0;
  };
  struct Head {
    TreeSize size;
    Note note;  // as offered
    std::string encoded;
    std::uint64_t since_ms = 0;
    std::optional<std::uint64_t> met_ms;  // the quorum
    bool unwitnessed = false;             // published without its quorum, for which it waits on
    bool done = false;
  };

  Collector(TlogPolicy policy, CollectorOptions options, std::uint64_t seed)
      : policy_(std::move(policy)), options_(options), random_(seed) {}

  [[nodiscard]] bool wants(const Asked& witness) const;
  void take_line(Asked& witness, CheckedAnswer& answer);
  WitnessOutcome take_conflict(Asked& witness, const Question& question, std::string_view body,
                               std::uint64_t now_ms);
  WitnessOutcome take_failure(Asked& witness, const WitnessAnswer& answer, std::uint64_t now_ms);
  void failed(Asked& witness, std::string problem, std::uint64_t now_ms);
  [[nodiscard]] std::string missing() const;
  void check_quorum(std::uint64_t now_ms);
  [[nodiscard]] bool all_answered(std::uint64_t now_ms) const;
  [[nodiscard]] std::string whole_note() const;

  TlogPolicy policy_;
  CollectorOptions options_;
  std::mt19937_64 random_;
  std::vector<Asked> asked_;  // one for each of the policy's witnesses
  std::optional<Head> head_;
  std::uint64_t last_id_ = 0;
};

}  // namespace witan
