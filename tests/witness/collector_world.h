#pragma once
// A log and its witnesses without a network: what a collector asks is answered here, or not.

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "ledger/crypto/sha256.h"
#include "ledger/format/checkpoint.h"
#include "ledger/format/note.h"
#include "tests/ledger/format/statement_samples.h"
#include "witness/add_checkpoint.h"
#include "witness/collector.h"

namespace witan::test {

// The keys of a log and of witnesses w0, w1, ...; made once, since the tests ask for many runs.
class CollectorKeys {
 public:
  static constexpr std::size_t kWitnesses = 6;
  static constexpr const char* kOrigin = "log.example/collected";

  CollectorKeys() {
    for (std::size_t i = 0; i < kWitnesses; ++i) witnesses_.push_back(make_key());
  }

  [[nodiscard]] VerifierKey log_vkey() const {
    return VerifierKey::make(kOrigin, NoteAlgorithm::kEd25519, log_.public_key().raw()).value();
  }
  [[nodiscard]] static std::string name(std::size_t witness) {
    return "w" + std::to_string(witness) + ".example";
  }
  [[nodiscard]] VerifierKey vkey(std::size_t witness) const {
    return VerifierKey::make(name(witness), NoteAlgorithm::kCosignatureEd25519,
                             witnesses_[witness].public_key().raw())
        .value();
  }
  // `threshold` of the first `count` witnesses; 0 is "quorum none".
  [[nodiscard]] TlogPolicy policy(std::size_t count, std::size_t threshold) const {
    std::string text = "log " + log_vkey().text() + "\n";
    std::string group = "group all-of-them " + std::to_string(threshold);
    for (std::size_t i = 0; i < count; ++i) {
      const std::string number = std::to_string(i);
      text += "witness w" + number + " " + vkey(i).text() + " http://" + name(i) + "\n";
      group += " w" + number;
    }
    text += threshold == 0 ? "quorum none\n" : group + "\nquorum all-of-them\n";
    return TlogPolicy::parse(text).value();
  }

  [[nodiscard]] static std::string text(TreeSize size) {
    return Checkpoint{kOrigin, size, sha256(as_bytes(std::to_string(size.value))), {}}.text();
  }
  // The log's note of a head. The same each time.
  std::string head(TreeSize size) {
    std::string& note = heads_[size.value];
    if (note.empty()) {
      note = Note{text(size), {sign_note(text(size), kOrigin, log_).value()}}.encode();
    }
    return note;
  }
  // The body of a 200.
  std::string cosigned(std::size_t witness, TreeSize size) {
    std::string& body = cosigned_[{witness, size.value}];
    if (body.empty()) {
      body = encode_signature_lines(
          {cosign_note(text(size), name(witness), witnesses_[witness], 1'700'000'000 + size.value)
               .value()});
    }
    return body;
  }
  // The same under the witness's name and id, but wrong.
  std::string forged(std::size_t witness, TreeSize size) {
    auto lines = parse_signature_lines(cosigned(witness, size)).value();
    lines.front().signature.back() ^= 1;
    return encode_signature_lines(lines);
  }

 private:
  PrivateKey log_ = make_key();
  std::vector<PrivateKey> witnesses_;
  std::map<std::uint64_t, std::string> heads_;
  std::map<std::pair<std::size_t, std::uint64_t>, std::string> cosigned_;
};

// An honest witness: keeps its size, and never goes back.
struct HonestWitness {
  std::size_t number = 0;
  TreeSize size;

  WitnessAnswer answer(CollectorKeys& keys, const WitnessQuestion& question) {
    if (question.old != size) return {409, encode_tlog_size(size.value)};
    if (question.size < size) return {400, "old size above the checkpoint's\n"};
    size = question.size;
    return {200, keys.cosigned(number, size)};
  }
};

// The answer to a question, as the owner of a collector hands it in.
inline WitnessOutcome answer_to(Collector& collector, const WitnessQuestion& question,
                                WitnessAnswer answer, std::uint64_t now_ms) {
  const VerifierKey& key = collector.policy().witnesses.at(question.witness).key;
  return collector.answered(CheckedAnswer(key, question, std::move(answer)), now_ms);
}

}  // namespace witan::test
