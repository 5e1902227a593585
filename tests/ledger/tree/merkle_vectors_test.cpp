// Verification against the cases of transparency-dev/merkle: honest proofs and ways to break them.
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "ledger/crypto/sha256.h"
#include "ledger/encoding.h"
#include "ledger/tree/proof.h"
#include "tests/support/catch.h"
#include "tests/support/vectors.h"

namespace witan {
namespace {

using Json = nlohmann::json;

Result<Hash32> hash_of(const Json& item, const char* name) {
  const Json& value = item.at(name);
  return hash_from_base64(value.is_null() ? "" : value.get<std::string>());
}

Result<std::vector<Hash32>> proof_of(const Json& item) {
  std::vector<Hash32> proof;
  if (item.at("proof").is_null()) return proof;
  for (const Json& text : item.at("proof")) {
    WITAN_ASSIGN(const Hash32 hash, hash_from_base64(text.get<std::string>()));
    proof.push_back(hash);
  }
  return proof;
}

Result<void> check_inclusion(const Json& item) {
  WITAN_ASSIGN(const Hash32 leaf, hash_of(item, "leafHash"));
  WITAN_ASSIGN(const Hash32 root, hash_of(item, "root"));
  WITAN_ASSIGN(const std::vector<Hash32> proof, proof_of(item));
  return verify_inclusion(LeafIndex{item.at("leafIdx").get<std::uint64_t>()},
                          TreeSize{item.at("treeSize").get<std::uint64_t>()}, leaf, proof, root);
}

// One honest case of equal trees has plain words for roots. What counts of them is whether they are
// equal, so their digests stand for them.
Result<Hash32> root_of(const Json& item, const char* name) {
  if (item.at("size1") != item.at("size2")) return hash_of(item, name);
  return hash_of(item, name).or_else([&](const Error&) -> Result<Hash32> {
    return sha256(as_bytes(item.at(name).get<std::string>()));
  });
}

Result<void> check_consistency(const Json& item) {
  WITAN_ASSIGN(const Hash32 root_from, root_of(item, "root1"));
  WITAN_ASSIGN(const Hash32 root_to, root_of(item, "root2"));
  WITAN_ASSIGN(const std::vector<Hash32> proof, proof_of(item));
  return verify_consistency(TreeSize{item.at("size1").get<std::uint64_t>()},
                            TreeSize{item.at("size2").get<std::uint64_t>()}, proof, root_from,
                            root_to);
}

Result<void> check_subtree_inclusion(const Json& item) {
  WITAN_ASSIGN(const Hash32 leaf, hash_of(item, "leafHash"));
  WITAN_ASSIGN(const Hash32 root, hash_of(item, "root"));
  WITAN_ASSIGN(const std::vector<Hash32> proof, proof_of(item));
  const Subtree subtree{item.at("start").get<std::uint64_t>(), item.at("end").get<std::uint64_t>()};
  return verify_subtree_inclusion(LeafIndex{item.at("leafIdx").get<std::uint64_t>()}, subtree, leaf,
                                  proof, root);
}

template <typename Check>
void run(const std::string& file, const Check& check) {
  const auto dir = test::vectors_dir();
  if (!dir) {
    std::cout << file << ": outside vectors skipped\n";
    return;
  }
  std::istringstream lines(test::read_file(*dir / "tlog/merkle" / file));
  std::size_t good = 0;
  std::size_t bad = 0;
  for (std::string line; std::getline(lines, line);) {
    const Json item = Json::parse(line);
    INFO(item.at("_path").get<std::string>() << ": " << item.at("desc").get<std::string>());
    const bool refused = !check(item).has_value();
    CHECK(refused == item.at("wantErr").get<bool>());
    ++(refused ? bad : good);
  }
  REQUIRE(good > 0);
  REQUIRE(bad > 0);
  std::cout << file << " vectors checked: " << good + bad << " (" << bad << " refused)\n";
}

}  // namespace

TEST_CASE("merkle vectors: inclusion proofs") {
  run("inclusion.jsonl", check_inclusion);
}

TEST_CASE("merkle vectors: consistency proofs") {
  run("consistency.jsonl", check_consistency);
}

TEST_CASE("merkle vectors: subtree inclusion proofs") {
  run("subtreeinclusion.jsonl", check_subtree_inclusion);
}

}  // namespace witan
