#include "witness/tlog_policy.h"

#include <algorithm>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "config/limits.h"
#include "ledger/crypto/secret.h"
#include "ledger/crypto/sha256.h"
#include "tests/support/catch.h"
#include "tests/support/vectors.h"

namespace witan {
namespace {

struct Key {
  PrivateKey secret;
  VerifierKey vkey;
};

Key make_key(const std::string& name, NoteAlgorithm algorithm) {
  init_crypto();
  PrivateKey secret = PrivateKey::generate(KeyKind::kEd25519).value();
  VerifierKey vkey = VerifierKey::make(name, algorithm, secret.public_key().raw()).value();
  return {std::move(secret), std::move(vkey)};
}

// The policy of the specification's example: 2 of X1..X3, and any of Y1..Y3.
struct Example {
  Key log = make_key("example.com/log", NoteAlgorithm::kEd25519);
  std::vector<Key> witnesses;
  std::string text;

  Example() {
    text = "# example\nlog " + log.vkey.text() + "\n\n";
    for (const std::string name : {"X1", "X2", "X3", "Y1", "Y2", "Y3"}) {
      witnesses.push_back(make_key("w.example/" + name, NoteAlgorithm::kCosignatureEd25519));
      text += "witness " + name + " " + witnesses.back().vkey.text() + "\n";
    }
    text +=
        "group X-witnesses 2 X1 X2 X3\ngroup Y-witnesses any Y1 Y2 Y3\n"
        "\t group  X-and-Y \tall X-witnesses Y-witnesses \nquorum X-and-Y\n";
  }

  [[nodiscard]] TlogPolicy policy() const { return TlogPolicy::parse(text).value(); }

  [[nodiscard]] Note note(const std::vector<std::size_t>& cosigners) const {
    const std::string body =
        Checkpoint{log.vkey.name, TreeSize{7}, leaf_hash(as_bytes("x")), {}}.text();
    Note out{body, {sign_note(body, log.vkey.name, log.secret).value()}};
    for (const std::size_t i : cosigners) {
      out.signatures.push_back(
          cosign_note(body, witnesses[i].vkey.name, witnesses[i].secret, 1'000 + i).value());
    }
    return out;
  }
};

std::string vkey_text(const std::string& name,
                      NoteAlgorithm algorithm = NoteAlgorithm::kCosignatureEd25519) {
  return VerifierKey::make(name, algorithm, sha256(as_bytes(name))).value().text();
}

TEST_CASE("policy: the example of the specification is read, and written in one form") {
  const Example example;
  const auto policy = TlogPolicy::parse(example.text);
  REQUIRE(policy);
  CHECK(policy->witnesses.size() == 6);
  REQUIRE(policy->groups.size() == 3);
  CHECK(policy->groups[0].threshold == 2);
  CHECK(policy->groups[2].members == std::vector<std::string>{"X-witnesses", "Y-witnesses"});
  CHECK(policy->quorum == "X-and-Y");
  const auto again = TlogPolicy::parse(policy->encode());
  REQUIRE(again);
  CHECK(*again == *policy);
}

TEST_CASE("policy: a quorum of none, of one witness, and URLs") {
  CHECK(TlogPolicy::parse("quorum none\n")->encode() == "quorum none\n");
  const std::string text = "log " + vkey_text("l", NoteAlgorithm::kEd25519) +
                           " https://log.example/\nwitness \xc3\xa9\xff " + vkey_text("w") +
                           " https://w.example/\nquorum \xc3\xa9\xff\n";
  const auto policy = TlogPolicy::parse(text);
  REQUIRE(policy);
  CHECK(policy->logs[0].url == "https://log.example/");
  CHECK(policy->witnesses[0].url == "https://w.example/");
  CHECK(policy->encode() == text);
}

TEST_CASE("policy: malformed lines are refused with their number and the reason") {
  const std::string w1 = "witness a " + vkey_text("a") + "\n";
  const std::string w2 = "witness b " + vkey_text("b") + "\n";
  const std::string log = "log " + vkey_text("l", NoteAlgorithm::kEd25519) + "\n";
  const std::string q = "quorum none\n";
  const auto refused = [](const std::string& text, const std::string& reason,
                          ErrorCode code = ErrorCode::kMalformed) {
    const auto policy = TlogPolicy::parse(text);
    INFO(text);
    REQUIRE_FALSE(policy);
    CHECK(policy.error().code == code);
    CHECK_THAT(policy.error().message, ContainsSubstring(reason));
  };
  refused("", "no quorum line");
  refused(w1, "no quorum line");
  refused("quorum none", "line 1: no newline");
  refused(w1 + "quorum a\nquorum a\n", "line 3: a quorum is on line 2");
  refused("quorum a\n" + w1, "line 1: no witness or group \"a\"");
  refused("quorum\n", "expected: quorum");
  refused("quorum none none\n", "expected: quorum");
  refused("Quorum none\n", "found \"Quorum\"");
  refused("witnesses\n", "found \"witnesses\"");
  refused("quorum none # comment\n", "expected: quorum");
  refused("quorum none\r\n", "control character");
  refused(std::string("#\0\n", 3) + q, "line 1: control character");
  refused("#\x7f\n" + q, "control character");
  refused("#\v\n" + q, "control character");
  refused("log\n" + q, "expected: log");
  refused("log x\n" + q, "line 1: vkey");
  refused("log " + vkey_text("l") + " u v\n" + q, "expected: log");
  refused("log " + vkey_text("l") + "\n" + q, "log's key (type 1, 2 or 6)",
          ErrorCode::kUnsupported);
  refused("witness a\n" + q, "expected: witness");
  refused("witness a x\n" + q, "vkey");
  refused("witness none " + vkey_text("a") + "\n" + q, "\"none\" has a meaning");
  refused("witness a " + vkey_text("a", NoteAlgorithm::kEd25519) + "\n" + q,
          "expected a cosignature key (type 4 or 6), found type 1", ErrorCode::kUnsupported);
  refused("witness a n+00000000+A0FB\n" + q, "signature type", ErrorCode::kUnsupported);
  refused(w1 + w1 + q, "line 2: the key of line 1 again");
  refused(log + log + q, "line 2: the key of line 1 again");
  refused(w1 + "witness a " + vkey_text("c") + "\n" + q, "line 2: the name \"a\" is taken");
  refused(w1 + "group a any a\n" + q, "the name \"a\" is taken");
  refused(w1 + "group g any a\ngroup g any g\n" + q, "the name \"g\" is taken");
  refused(w1 + "group none any a\n" + q, "\"none\" has a meaning");
  refused(w1 + "group g any none\n" + q, "no witness or group \"none\"");
  refused(w1 + "group g any g\n" + q, "no witness or group \"g\"");
  refused(w1 + "group g any a a\n" + q, "\"a\" is a member of a group already");
  refused(w1 + w2 + "group g any a\ngroup h any a b\n" + q, "line 4: \"a\" is a member");
  refused(w1 + "group g any\n" + q, "expected: group");
  for (const std::string k : {"0", "2", "01", "-1", "one", "ALL", "18446744073709551617"}) {
    refused(w1 + "group g " + k + " a\n" + q, "a number from 1 to 1");
  }
}

TEST_CASE("policy: one key under two names or types is refused") {
  const Hash32 raw = sha256(as_bytes("k"));
  const auto text = [&raw](const std::string& name, NoteAlgorithm algorithm) {
    return VerifierKey::make(name, algorithm, raw).value().text();
  };
  CHECK_FALSE(TlogPolicy::parse("witness a " + text("x", NoteAlgorithm::kCosignatureEd25519) +
                                "\nwitness b " + text("y", NoteAlgorithm::kCosignatureEd25519) +
                                "\nquorum none\n"));
  CHECK_FALSE(TlogPolicy::parse("log " + text("x", NoteAlgorithm::kEd25519) + "\nlog " +
                                text("y", NoteAlgorithm::kEd25519) + "\nquorum none\n"));
}

TEST_CASE("policy: up to 256 logs, witnesses and groups are read, one more is too many") {
  std::string logs;
  std::string witnesses;
  std::string groups;
  for (int i = 0; i < 256; ++i) {
    const std::string n = std::to_string(i);
    logs += "log " + vkey_text("l" + n, NoteAlgorithm::kEd25519) + "\n";
    witnesses += "witness w" + n + " " + vkey_text("w" + n) + "\n";
    // A chain as deep as the limit allows.
    groups += "group g" + n + " all w" + n + (i == 0 ? "" : " g" + std::to_string(i - 1)) + "\n";
  }
  const std::string quorum = "quorum g255\n";
  const auto policy = TlogPolicy::parse(logs + witnesses + groups + quorum);
  REQUIRE(policy);
  CHECK(smallest_quorum(*policy, std::vector<bool>(256, true))->size() == 256);
  std::vector<bool> most(256, true);
  most[0] = false;
  CHECK_FALSE(smallest_quorum(*policy, most));
  const auto code = [](const std::string& text) { return TlogPolicy::parse(text).error().code; };
  CHECK(code(logs + "log " + vkey_text("x") + "\n" + quorum) == ErrorCode::kTooLarge);
  CHECK(code(witnesses + "witness x " + vkey_text("x") + "\n" + quorum) == ErrorCode::kTooLarge);
  CHECK(code(witnesses + groups + "group x all g255\n" + quorum) == ErrorCode::kTooLarge);
  CHECK(code(std::string(limits::kTlogPolicyBytesMax, '#') + "\n") == ErrorCode::kTooLarge);
}

// Whether a name is satisfied, by the words of the specification.
bool witnessed(const TlogPolicy& policy, const std::string& name, const std::vector<bool>& have) {
  for (std::size_t i = 0; i < policy.witnesses.size(); ++i) {
    if (policy.witnesses[i].name == name) return have[i];
  }
  for (const TlogPolicy::Group& group : policy.groups) {
    if (group.name != name) continue;
    std::size_t n = 0;
    for (const std::string& member : group.members) n += witnessed(policy, member, have) ? 1 : 0;
    return n >= group.threshold;
  }
  return name == "none";
}

TEST_CASE("policy: the smallest quorum is found, by brute force over all sets of six witnesses") {
  Example example;
  for (const std::string quorum : {"X-and-Y", "X-witnesses", "Y-witnesses", "Y2", "none"}) {
    TlogPolicy policy = example.policy();
    policy.quorum = quorum;
    for (unsigned set = 0; set < 64; ++set) {
      std::vector<bool> have;
      for (unsigned i = 0; i < 6; ++i) have.push_back((set >> i & 1) != 0);
      const auto smallest = smallest_quorum(policy, have);
      CHECK(smallest.has_value() == witnessed(policy, quorum, have));
      std::size_t best = 7;
      for (unsigned sub = 0; sub < 64; ++sub) {
        if ((sub & ~set) != 0) continue;
        std::vector<bool> part;
        std::size_t n = 0;
        for (unsigned i = 0; i < 6; ++i) {
          part.push_back((sub >> i & 1) != 0);
          n += part.back() ? 1 : 0;
        }
        if (witnessed(policy, quorum, part)) best = std::min(best, n);
      }
      if (!smallest) continue;
      CHECK(smallest->size() == best);
      std::vector<bool> chosen(6);
      for (const std::size_t i : *smallest) {
        CHECK(have[i]);
        chosen[i] = true;
      }
      CHECK(witnessed(policy, quorum, chosen));
    }
  }
}

TEST_CASE(
    "policy: of equal sets the members that come first are taken; a small group beats a large") {
  Example example;
  const TlogPolicy policy = example.policy();
  CHECK(*smallest_quorum(policy, std::vector<bool>(6, true)) == std::vector<std::size_t>{0, 1, 3});
  CHECK(*smallest_quorum(policy, {true, false, true, false, false, true}) ==
        std::vector<std::size_t>{0, 2, 5});
  TlogPolicy any = policy;
  any.groups[2].threshold = 1;  // X-witnesses needs two, Y-witnesses one
  CHECK(*smallest_quorum(any, std::vector<bool>(6, true)) == std::vector<std::size_t>{3});
}

TEST_CASE(
    "checkpoint against policy: accepted with a quorum, and its smallest note meets it again") {
  const Example example;
  const TlogPolicy policy = example.policy();
  const auto verdict = check_checkpoint(policy, example.note({5, 2, 1, 0, 4}).encode());
  REQUIRE(verdict);
  CHECK(verdict->checkpoint.size == TreeSize{7});
  CHECK(verdict->smallest == std::vector<std::size_t>{0, 1, 4});
  CHECK(verdict->witnesses[3].status == WitnessStatus::kAbsent);
  CHECK(verdict->witnesses[4].status == WitnessStatus::kValid);
  CHECK(verdict->witnesses[4].time_s == 1'004);
  // Whatever the order of lines, the smallest note is the same.
  CHECK(verdict->smallest_note == example.note({0, 1, 4}).encode());
  const auto other = check_checkpoint(policy, example.note({4, 0, 1}).encode());
  CHECK(other->smallest_note == verdict->smallest_note);
  const auto again = check_checkpoint(policy, verdict->smallest_note);
  REQUIRE(again);
  CHECK(again->smallest_note == verdict->smallest_note);
}

TEST_CASE("checkpoint against policy: the first thing that fails is named") {
  const Example example;
  TlogPolicy policy = example.policy();
  const auto failure = [&policy](const std::string& note) {
    const auto verdict = check_checkpoint(policy, note);
    REQUIRE_FALSE(verdict);
    return verdict.error();
  };
  CHECK(failure("x").code == ErrorCode::kMalformed);
  const Key stranger = make_key("other", NoteAlgorithm::kEd25519);
  CHECK(failure(
            Note{"no checkpoint\n", {sign_note("x\n", "other", stranger.secret).value()}}.encode())
            .code == ErrorCode::kMalformed);

  Note note = example.note({0, 1, 3});
  REQUIRE(check_checkpoint(policy, note.encode()));
  note.signatures[0].signature[3] ^= 1;
  CHECK(failure(note.encode()).code == ErrorCode::kBadSignature);
  CHECK_THAT(failure(note.encode()).message, ContainsSubstring("example.com/log"));
  note.signatures.erase(note.signatures.begin());
  CHECK(failure(note.encode()).code == ErrorCode::kBadSignature);

  const Error quorum = failure(example.note({0, 3}).encode());
  CHECK(quorum.code == ErrorCode::kRefused);
  CHECK_THAT(quorum.message, ContainsSubstring("quorum \"X-and-Y\" not met: 2 of its 6"));
  CHECK_THAT(quorum.message, ContainsSubstring("X2 (no cosignature), X3 (no cosignature), Y2"));

  policy.logs.clear();
  const Error unknown = failure(example.note({0, 1, 3}).encode());
  CHECK(unknown.code == ErrorCode::kNotFound);
  CHECK_THAT(unknown.message, ContainsSubstring("\"example.com/log\""));
}

TEST_CASE("checkpoint against policy: forged lines neither count nor spoil valid ones") {
  const Example example;
  const TlogPolicy policy = example.policy();
  Note note = example.note({0, 1, 3});
  NoteSignature forged = note.signatures[1];
  forged.signature[20] ^= 1;
  note.signatures.insert(note.signatures.begin(), forged);
  forged.signature.resize(3);
  note.signatures.push_back(forged);
  const auto verdict = check_checkpoint(policy, note.encode());
  REQUIRE(verdict);
  CHECK(verdict->smallest_note == example.note({0, 1, 3}).encode());

  note = example.note({0, 3});
  NoteSignature copied = note.signatures[1];  // X1's signature under X2's name
  copied.name = example.witnesses[1].vkey.name;
  copied.id = example.witnesses[1].vkey.id;
  note.signatures.push_back(copied);
  note.signatures.push_back(note.signatures[1]);  // X1 twice is one witness
  const auto refused = check_checkpoint(policy, note.encode());
  REQUIRE_FALSE(refused);
  CHECK_THAT(refused.error().message, ContainsSubstring("X2 (wrong cosignature)"));
}

TEST_CASE("checkpoint against policy: a log is never its own witness") {
  const Example example;
  const std::string origin = example.log.vkey.name;
  const auto vkey = [&example](const std::string& name) {
    return VerifierKey::make(name, NoteAlgorithm::kCosignatureEd25519, example.log.vkey.key)
        .value();
  };
  const Key second = make_key(origin, NoteAlgorithm::kCosignatureEd25519);
  const auto refused = [&](const VerifierKey& witness, const PrivateKey& secret) {
    const TlogPolicy policy = TlogPolicy::parse("log " + example.log.vkey.text() + "\nwitness w " +
                                                witness.text() + "\nquorum w\n")
                                  .value();
    Note note = example.note({});
    note.signatures.push_back(cosign_note(note.text, witness.name, secret, 5).value());
    const auto verdict = check_checkpoint(policy, note.encode());
    REQUIRE_FALSE(verdict);
    CHECK(verdict.error().code == ErrorCode::kRefused);
    CHECK_THAT(verdict.error().message, ContainsSubstring("w (the log's own key)"));
  };
  refused(vkey(origin), example.log.secret);
  refused(vkey("disguised"), example.log.secret);
  refused(second.vkey, second.secret);  // another key under the log's name
}

TEST_CASE("checkpoint against policy: after a key rotation either log key will do") {
  const Example example;
  const Key next = make_key(example.log.vkey.name, NoteAlgorithm::kEd25519);
  const TlogPolicy policy = TlogPolicy::parse("log " + next.vkey.text() + "\nlog " +
                                              example.log.vkey.text() + "\nquorum none\n")
                                .value();
  Note note = example.note({});
  CHECK(check_checkpoint(policy, note.encode())->log_key == example.log.vkey);
  note.signatures.push_back(sign_note(note.text, next.vkey.name, next.secret).value());
  const auto verdict = check_checkpoint(policy, note.encode());
  CHECK(verdict->log_key == next.vkey);
  CHECK(Note::parse(verdict->smallest_note)->signatures.size() == 1);
}

TEST_CASE(
    "policy: a published tlog-proof meets a policy of its witnesses, but not with another leaf") {
  const auto dir = test::vectors_dir();
  if (!dir) {
    std::cout << "tlog-policy vectors skipped: WITAN_VECTORS is not set\n";
    return;
  }
  const std::string proof = test::read_file(*dir / "tlog/tlog-proof/proof_7271.tlog-proof");
  const Hash32 leaf = leaf_hash(as_bytes(test::read_file(*dir / "tlog/tlog-proof/leaf_7271.raw")));
  const std::string keys = test::read_file(*dir / "tlog/tlog-proof/keys_unabhaengig.txt");
  std::string text;
  std::string members;
  int n = 0;
  for (std::size_t at = 0; at < keys.size();) {
    const std::size_t end = std::min(keys.find('\n', at), keys.size());
    const std::string line = keys.substr(at, end - at);
    at = end + 1;
    if (line.empty() || line.front() == '#') continue;
    const VerifierKey key = VerifierKey::parse(line).value();
    if (key.algorithm == NoteAlgorithm::kEd25519) {
      text += "log " + line + "\n";
    } else if (key.algorithm == NoteAlgorithm::kCosignatureEd25519) {
      const std::string name = "w" + std::to_string(++n);
      text += "witness " + name + " " + line + "\n";
      members += " " + name;
    }
  }
  REQUIRE(n == 5);
  const auto policy =
      TlogPolicy::parse(text + "group all-five all" + members + "\nquorum all-five\n");
  REQUIRE(policy);
  const auto verdict = check_tlog_proof(*policy, proof, leaf);
  REQUIRE(verdict);
  CHECK(verdict->smallest.size() == 5);
  CHECK(verdict->checkpoint.size == TreeSize{7'341});
  Hash32 other = leaf;
  other[31] ^= 1;
  CHECK(check_tlog_proof(*policy, proof, other).error().code == ErrorCode::kBadProof);
  std::cout << "tlog-policy vectors checked: 1 proof against " << n << " witnesses\n";
}

}  // namespace
}  // namespace witan
