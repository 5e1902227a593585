#include "witness/policy_strength.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "config/file.h"
#include "config/limits.h"
#include "tests/support/catch.h"
#include "tests/support/wait.h"

namespace witan::test {
namespace {

VerifierKey key_of(const std::string& name, std::uint8_t number) {
  return VerifierKey::make(name, NoteAlgorithm::kCosignatureEd25519, Bytes(32, number)).value();
}

std::string witness_line(const std::string& name, std::uint8_t number,
                         const std::string& key_name = "", const std::string& url = "") {
  return "witness " + name + " " + key_of(key_name.empty() ? name : key_name, number).text() + " " +
         url + "\n";
}

struct Shown {
  std::vector<std::string> organisations;
  PolicyStrength strength;
};

Shown show(const std::string& text) {
  const auto policy = TlogPolicy::parse(text);
  INFO((policy ? "" : policy.error().message));
  REQUIRE(policy);
  Shown out{organisations_of(*policy, text), {}};
  out.strength = strength_of(*policy, out.organisations);
  return out;
}

std::optional<Coalition> exactly(std::size_t count) {
  return Coalition{count, count};
}

TEST_CASE("policy strength: flat thresholds") {
  const std::string three =
      witness_line("a.se", 1) + witness_line("b.se", 2) + witness_line("c.se", 3);
  const auto of = [&](const std::string& quorum) {
    return show(three + "group g " + quorum + " a.se b.se c.se\nquorum g\n").strength;
  };
  CHECK(of("2").forge == exactly(2));
  CHECK(of("2").split == exactly(1));
  CHECK(of("2").block == exactly(2));
  CHECK(of("all").split == exactly(3));
  CHECK(of("all").block == exactly(1));
  CHECK(of("any").forge == exactly(1));
  CHECK(of("any").split == exactly(0));
  CHECK(of("any").block == exactly(3));
  const PolicyStrength none = show(three + "quorum none\n").strength;
  CHECK(none.forge == exactly(0));
  CHECK(none.split == exactly(0));
  CHECK(none.block == std::nullopt);
  CHECK(show(three + "quorum b.se\n").strength.split == exactly(1));
}

TEST_CASE("policy strength: keys of one organisation are one voice") {
  const Shown shown =
      show(witness_line("w1", 1, "w1.example.org/a") + witness_line("w2", 2, "w2.example.org/b") +
           witness_line("w3", 3, "other.example") + witness_line("w4", 4, "fourth.example") +
           "group g 3 w1 w2 w3 w4\nquorum g\n");
  CHECK(shown.organisations ==
        std::vector<std::string>{"example.org", "example.org", "other.example", "fourth.example"});
  CHECK(shown.strength.forge == exactly(2));
  CHECK(shown.strength.split == exactly(1));
  CHECK(shown.strength.block == exactly(1));
}

TEST_CASE("policy strength: keys of one name are one voice, whatever the policy calls them") {
  const Shown shown = show(
      witness_line("ed", 1, "w1") + witness_line("pq", 2, "w1") + witness_line("other", 3, "w2") +
      "# org: Third\n" + witness_line("ed3", 4, "w3.example.com/w") +
      witness_line("pq3", 5, "w3.example.com/w") + "group g 2 ed pq other\nquorum g\n");
  CHECK(shown.organisations == std::vector<std::string>{"ed", "ed", "other", "Third", "Third"});
  CHECK(shown.strength.forge == exactly(1));
  CHECK(shown.strength.block == exactly(1));
}

TEST_CASE("policy strength: who runs a witness") {
  const Shown shown = show(
      witness_line("w1", 1, "witness.navigli.co.uk/w") +
      witness_line("w2", 2, "plain", "https://A.B.example.com:8443/x") +
      witness_line("w3", 3, "plain3") + "# org: Kubik & Sons\n\n" +
      witness_line("w4", 4, "x.example.com") + "# org: nobody's\n# not an org\n" +
      witness_line("w5", 5, "y.example.com") +
      witness_line("w6", 6, "plain6", "http://192.0.2.7/") +
      witness_line("w7", 7, "plain7", "http://[2001:db8::1]:80/") + "#org:Seven\n" +
      witness_line("w8", 8, "127.0.0.1:9") + witness_line("w9", 9, "w1.kth.se") + "quorum none\n");
  CHECK(shown.organisations == std::vector<std::string>{"navigli.co.uk", "example.com", "w3",
                                                        "Kubik & Sons", "example.com", "192.0.2.7",
                                                        "[2001:db8::1]", "Seven", "kth.se"});
}

TEST_CASE("policy strength: a log is no witness of itself") {
  const auto log = VerifierKey::make("log.example", NoteAlgorithm::kEd25519, Bytes(32, 1));
  const std::string text = "log " + log->text() + "\n" + witness_line("own", 1) +
                           witness_line("a", 2) + witness_line("b", 3);
  const PolicyStrength two = show(text + "group g 2 own a b\nquorum g\n").strength;
  CHECK(two.forge == exactly(2));
  CHECK(two.split == exactly(2));
  CHECK(two.block == exactly(1));
  const PolicyStrength never = show(text + "group g all own a\nquorum g\n").strength;
  CHECK(never.forge == std::nullopt);
  CHECK(never.block == exactly(0));
}

TEST_CASE("policy strength: 256 witnesses in nested groups are counted exactly, and at once") {
  std::string text, top;
  for (std::size_t group = 0; group < 16; ++group) {
    std::string line = "group g" + std::to_string(group) + " 11";
    for (std::size_t i = 0; i < 16; ++i) {
      const std::string name = "w" + std::to_string(group) + "-" + std::to_string(i);
      text += "witness " + name + " ";
      Bytes key(32, static_cast<std::uint8_t>(group));
      key[0] = static_cast<std::uint8_t>(i);
      text += VerifierKey::make(name, NoteAlgorithm::kCosignatureEd25519, key)->text() + "\n";
      line += " " + name;
    }
    text += line + "\n";
    top += " g" + std::to_string(group);
  }
  const PolicyStrength strength = show(text + "group top 11" + top + "\nquorum top\n").strength;
  CHECK(strength.forge == exactly(121));
  CHECK(strength.split == exactly(36));
  CHECK(strength.block == exactly(36));
}

TEST_CASE("policy strength: organisations that span many groups get bounds, and at once") {
  std::string text, top;
  for (std::size_t group = 0; group < 16; ++group) {
    std::string line = "group g" + std::to_string(group) + " 3";
    for (std::size_t i = 0; i < 5; ++i) {
      const std::string name = "w" + std::to_string(group) + "-" + std::to_string(i);
      text += "# org: o" + std::to_string((group * 7 + i * 11) % 40) + "\n";
      text += witness_line(name, static_cast<std::uint8_t>(group * 5 + i));
      line += " " + name;
    }
    text += line + "\n";
    top += " g" + std::to_string(group);
  }
  const PolicyStrength strength = show(text + "group top 12" + top + "\nquorum top\n").strength;
  REQUIRE(strength.forge);
  CHECK(strength.forge->at_least >= 3);
  CHECK(strength.forge->at_most <= 40);
  CHECK(strength.forge->at_least <= strength.forge->at_most);
}

TEST_CASE("examples: the policy of witnesses is read, and survives one that lies") {
  const auto path = std::filesystem::path(WITAN_SOURCE_DIR) / "config/examples/witnesses.policy";
  const Shown shown = show(read_text_file(path.string(), limits::kTlogPolicyBytesMax).value());
  CHECK(shown.organisations == std::vector<std::string>{"north.example", "south.example",
                                                        "east.example", "University of the West"});
  CHECK(shown.strength.split == exactly(2));
  CHECK(shown.strength.block == exactly(2));
}

// By the meaning of the words, trying out everything.
class BruteForce {
 public:
  BruteForce(const TlogPolicy& policy, const std::vector<std::string>& organisations)
      : policy_(policy) {
    const std::set<std::string> names(organisations.begin(), organisations.end());
    count_ = names.size();
    for (const std::string& name : organisations) {
      owner_.push_back(static_cast<std::size_t>(std::distance(names.begin(), names.find(name))));
    }
  }
  template <typename Works>
  std::optional<Coalition> smallest(const Works& works) const {
    std::optional<Coalition> best;
    for (std::uint32_t set = 0; set < 1u << count_; ++set) {
      std::size_t size = 0;
      for (std::size_t i = 0; i < count_; ++i) size += set >> i & 1;
      if ((!best || size < best->at_least) && works(set)) best = Coalition{size, size};
    }
    return best;
  }
  [[nodiscard]] bool met(std::uint32_t witnesses) const {
    std::vector<bool> present;
    for (std::size_t i = 0; i < owner_.size(); ++i) present.push_back((witnesses >> i & 1) != 0);
    return smallest_quorum(policy_, present).has_value();
  }
  [[nodiscard]] std::uint32_t owned(std::uint32_t set) const {
    std::uint32_t out = 0;
    for (std::size_t i = 0; i < owner_.size(); ++i) out |= (set >> owner_[i] & 1) << i;
    return out;
  }
  [[nodiscard]] PolicyStrength strength() const {
    const std::uint32_t all = (1u << owner_.size()) - 1;
    PolicyStrength out;
    out.forge = smallest([&](std::uint32_t set) { return met(owned(set)); });
    out.block = smallest([&](std::uint32_t set) { return !met(all & ~owned(set)); });
    out.split = smallest([&](std::uint32_t set) {
      const std::uint32_t liars = owned(set);
      for (std::uint32_t side = 0; side <= all; ++side) {
        if (met(liars | side) && met(liars | (all & ~side))) return true;
      }
      return false;
    });
    return out;
  }

 private:
  const TlogPolicy& policy_;
  std::size_t count_ = 0;
  std::vector<std::size_t> owner_;
};

std::string random_policy(std::mt19937_64& random) {
  std::string text;
  std::vector<std::string> open;
  const std::size_t witnesses = 1 + random() % 7;
  const std::size_t organisations = 1 + random() % witnesses;
  for (std::size_t i = 0; i < witnesses; ++i) {
    open.push_back("w" + std::to_string(i));
    text += "# org: o" + std::to_string(random() % organisations) + "\n" +
            witness_line(open.back(), static_cast<std::uint8_t>(i));
  }
  for (std::size_t i = 0; open.size() > 1 || i == 0; ++i) {
    std::shuffle(open.begin(), open.end(), random);
    const std::size_t members = 1 + random() % open.size();
    text += "group g" + std::to_string(i) + " " + std::to_string(1 + random() % members);
    for (std::size_t j = 0; j < members; ++j) {
      text += " " + open.back();
      open.pop_back();
    }
    text += "\n";
    open.push_back("g" + std::to_string(i));
  }
  return text + "quorum " + open.back() + "\n";
}

TEST_CASE("policy strength: agrees with trying out everything") {
  constexpr int kPolicies = kSanitized ? 200 : 2'000;
  std::mt19937_64 random(3);
  for (int i = 0; i < kPolicies; ++i) {
    const std::string text = random_policy(random);
    INFO(text);
    const Shown shown = show(text);
    const TlogPolicy policy = TlogPolicy::parse(text).value();
    const PolicyStrength expected = BruteForce(policy, shown.organisations).strength();
    REQUIRE(shown.strength.forge == expected.forge);
    REQUIRE(shown.strength.split == expected.split);
    REQUIRE(shown.strength.block == expected.block);
  }
  std::cout << "policies tried out: " << kPolicies << "\n";
}

}  // namespace
}  // namespace witan::test
