// Other people's checkpoints and requests, as a witness of their logs would judge them.
#include <algorithm>
#include <cstdint>
#include <iostream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "ledger/crypto/ml_dsa.h"
#include "ledger/encoding.h"
#include "ledger/tree/proof.h"
#include "tests/support/catch.h"
#include "tests/support/vectors.h"
#include "tests/witness/cosign_world.h"

namespace witan {
namespace {

using nlohmann::json;
using test::Hashes;
using test::status_of;

const CosignMark kNothingCosigned{};

std::vector<VerifierKey> keys_of_row(const json& row) {
  std::vector<VerifierKey> keys;
  for (const auto& vkey : row.value("vkeys", json::array())) {
    keys.push_back(VerifierKey::parse(vkey.get<std::string>()).value());
  }
  // The one log whose key is given as the log id's preimage.
  if (row.contains("log_spki_der_b64")) {
    const Bytes spki = base64_decode(row["log_spki_der_b64"].get<std::string>()).value();
    const auto origin = row["origin"].get<std::string>();
    keys.push_back(VerifierKey::make(origin, NoteAlgorithm::kRfc6962, spki).value());
  }
  return keys;
}

bool has_log_line(const json& row) {
  return std::any_of(row["signatures"].begin(), row["signatures"].end(), [](const json& line) {
    // 1 is Ed25519, 2 ECDSA; null for keys that nobody knows.
    return line["status"] == "valid" && line["alg"].is_number() && line["alg"].get<int>() <= 2;
  });
}

TEST_CASE("cosigning vectors: real checkpoints are cosigned where their log signed them") {
  const auto vectors = test::vectors_dir();
  if (!vectors) {
    std::cout << "outside cosigning vectors skipped\n";
    return;
  }
  const auto folder = *vectors / "tlog/checkpoints";
  const json index = json::parse(test::read_file(folder / "index.json"));
  std::size_t yes = 0;
  std::size_t no = 0;
  for (const json& row : index) {
    const std::string note = test::read_file(folder / row["file"].get<std::string>());
    INFO(row["file"].get<std::string>());
    const auto judged =
        check_cosignable({0, {}, note}, keys_of_row(row), kNothingCosigned, "w.example");
    if (!row.contains("origin")) {
      CHECK(status_of(judged) == 400);  // a note, and no checkpoint
      ++no;
    } else if (!has_log_line(row)) {
      CHECK(status_of(judged) == 403);
      ++no;
    } else {
      REQUIRE(judged);
      CHECK(judged->checkpoint.origin == row["origin"].get<std::string>());
      CHECK(judged->checkpoint.size.value == row["size"].get<std::uint64_t>());
      CHECK(base64_encode(judged->checkpoint.root) == row["root"].get<std::string>());
      CHECK(note.substr(0, judged->text.size()) == judged->text);
      CHECK(status_of(check_cosignable({0, {}, note}, {}, kNothingCosigned, "w.example")) == 404);
      ++yes;
    }
  }
  CHECK(yes > 20);
  std::cout << "real checkpoints judged: " << yes << " cosigned, " << no << " refused\n";
}

TEST_CASE("cosigning vectors: a real log grows leaf by leaf, and in leaps") {
  const auto vectors = test::vectors_dir();
  if (!vectors) return;
  const std::string tile =
      test::read_file(*vectors / "tlog/tiles/tessera-testdata/tile/0/000.p/15");
  REQUIRE(tile.size() == 480);
  const auto leaf = [&tile](std::uint64_t index) {
    return hash_from_bytes(as_bytes(tile).subspan(index * 32, 32)).value();
  };
  const NodeReader reader = [&](NodeId id) -> Result<Hash32> {
    Hashes row;
    const std::uint64_t width = std::uint64_t{1} << id.level;
    for (std::uint64_t i = 0; i < width; ++i) row.push_back(leaf(id.index * width + i));
    for (; row.size() > 1; row.resize(row.size() / 2)) {
      for (std::size_t i = 0; i < row.size() / 2; ++i) {
        row[i] = node_hash(row[2 * i], row[2 * i + 1]);
      }
    }
    return row[0];
  };
  const auto folder = *vectors / "tlog/checkpoints";
  const json index = json::parse(test::read_file(folder / "index.json"));
  std::vector<std::string> notes(16);
  std::vector<VerifierKey> keys;
  for (const json& row : index) {
    if (row.value("origin", "") != "example.com/log/testdata") continue;
    notes.at(row["size"].get<std::size_t>()) =
        test::read_file(folder / row["file"].get<std::string>());
    keys = keys_of_row(row);
  }
  std::size_t steps = 0;
  for (std::uint64_t from = 0; from < 16; ++from) {
    const auto head = check_cosignable({0, {}, notes[from]}, keys, kNothingCosigned, "w.example");
    REQUIRE(head);
    const CosignMark mark{head->checkpoint.size, head->checkpoint.root};
    for (std::uint64_t to = from; to < 16; ++to) {
      const Hashes proof = consistency_proof(TreeSize{from}, TreeSize{to}, reader).value();
      CHECK(status_of(check_cosignable({from, proof, notes[to]}, keys, mark, "w.example")) == 200);
      ++steps;
    }
  }
  std::cout << "real growth steps cosigned: " << steps << "\n";
}

TEST_CASE("cosigning vectors: a log that signs with ML-DSA-44") {
  const auto vectors = test::vectors_dir();
  if (!vectors) return;
  const auto folder = *vectors / "tlog/witness/mldsa-log";
  std::string vkey = test::read_file(folder / "vkey.txt");
  while (!vkey.empty() && vkey.back() == '\n') vkey.pop_back();
  const VerifierKey key = VerifierKey::parse(vkey).value();
  const std::string body = test::read_file(folder / "add-checkpoint-request.txt");
  const auto request = AddCheckpointRequest::parse(body);
  REQUIRE(request);
  CHECK(request->encode() == body);
  const auto judge = [&](const AddCheckpointRequest& asked, std::vector<VerifierKey> keys) {
    return check_cosignable(asked, keys, kNothingCosigned, "w.example");
  };
  const auto judged = judge(*request, {key});
  CHECK(status_of(judged) == (ml_dsa_available() ? 200u : 403u));
  if (!judged) CHECK_THAT(judged.error().message, ContainsSubstring("this build cannot check"));

  // Its signature does not cover extension lines: somebody else's stay out, where an Ed25519 line
  // does not vouch for them.
  Note note = Note::parse(request->note).value();
  note.text += "added on the way\n";
  const AddCheckpointRequest extended{0, {}, note.encode()};
  CHECK(status_of(judge(extended, {key})) == (ml_dsa_available() ? 400u : 403u));
  const auto ed25519 = test::make_cosign_key("example.com/mldsa-log");
  note.signatures.push_back(test::sign_as_log(ed25519, note.text));
  CHECK(status_of(judge({0, {}, note.encode()}, {key, ed25519.vkey})) == 200);

  note = Note::parse(request->note).value();
  note.signatures[0].signature.back() ^= 1;
  CHECK(status_of(judge({0, {}, note.encode()}, {key})) == 403);
  std::cout << "ML-DSA log checked: " << (ml_dsa_available() ? "verified" : "refused") << "\n";
}

}  // namespace
}  // namespace witan
