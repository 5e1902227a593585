// Heads of Sigsum logs, out of Sigsum's own proofs: they are signed and cosigned as checkpoints.
#include <algorithm>
#include <cstdint>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ledger/crypto/sha256.h"
#include "ledger/encoding.h"
#include "ledger/format/checkpoint.h"
#include "ledger/format/cosignature.h"
#include "ledger/format/note.h"
#include "ledger/tree/proof.h"
#include "tests/support/catch.h"
#include "tests/support/vectors.h"

namespace witan {
namespace {

// Public keys; a proof names them by their SHA-256.
constexpr std::string_view kSigsumLogOne =
    "dea4c37c360568e528b76bb67bf821a37ece0f3f46928603df006db4f08e9750";
constexpr std::string_view kSigsumLogTwo =
    "ac26c0a855ac451a6539478e1a160388f024b385f1363efcda470170076c01e5";
constexpr std::string_view kSigsumWitness =
    "cbe357e6b464049e703b7be6c89201193acc2a18c095b0691aaf50b9b1e1578a";

struct SigsumProof {
  std::map<std::string, std::vector<std::string>> values;
  std::vector<Hash32> path;

  [[nodiscard]] const std::string& at(const std::string& name, std::size_t i = 0) const {
    return values.at(name).at(i);
  }
  [[nodiscard]] std::uint64_t number(const std::string& name) const {
    return std::stoull(at(name));
  }
};

Bytes sigsum_bytes(std::string_view hex) {
  return hex_decode(hex).value();
}

Hash32 sigsum_hash(std::string_view hex) {
  const Bytes bytes = sigsum_bytes(hex);
  REQUIRE(bytes.size() == 32);
  Hash32 hash{};
  std::copy(bytes.begin(), bytes.end(), hash.begin());
  return hash;
}

SigsumProof read_sigsum_proof(const std::string& name) {
  std::istringstream lines(test::read_file(*test::vectors_dir() / "tlog/sigsum" / name));
  SigsumProof proof;
  for (std::string line; std::getline(lines, line);) {
    const auto equals = line.find('=');
    if (equals == std::string::npos) continue;
    std::istringstream words(line.substr(equals + 1));
    std::vector<std::string> values;
    for (std::string word; words >> word;) values.push_back(word);
    if (line.substr(0, equals) == "node_hash") {
      proof.path.push_back(sigsum_hash(values.at(0)));
    } else {
      proof.values[line.substr(0, equals)] = values;
    }
  }
  return proof;
}

// The proof's head as a note of this log.
Note sigsum_note(const SigsumProof& proof, const VerifierKey& log) {
  Note note;
  note.text = Checkpoint{
      log.name,
      TreeSize{proof.number("size")},
      sigsum_hash(proof.at("root_hash")),
      {}}.text();
  note.signatures.push_back({log.name, log.id, sigsum_bytes(proof.at("signature"))});
  return note;
}

VerifierKey sigsum_log(std::string_view key) {
  const Bytes bytes = sigsum_bytes(key);
  return VerifierKey::make("sigsum.org/v1/tree/" + hex_encode(sha256(bytes)),
                           NoteAlgorithm::kEd25519, bytes)
      .value();
}

TEST_CASE("sigsum vectors: signatures, cosignatures and inclusion are verified") {
  if (!test::vectors_dir()) {
    std::cout << "outside Sigsum vectors skipped\n";
    return;
  }
  std::size_t cosignatures = 0;
  for (const auto& [file, key] :
       {std::pair{"proof-3.txt", kSigsumLogOne}, std::pair{"proof-6.txt", kSigsumLogTwo}}) {
    INFO(file);
    const SigsumProof proof = read_sigsum_proof(file);
    const VerifierKey log = sigsum_log(key);
    REQUIRE(log.name == "sigsum.org/v1/tree/" + proof.at("log"));
    Note note = sigsum_note(proof, log);
    CHECK(verify_note(note, log));
    Note changed = note;
    changed.text[changed.text.size() - 3] ^= 1;
    CHECK_FALSE(verify_note(changed, log));

    // What was logged: the hash of a message, its submitter's signature, and who that is.
    const Hash32 message = sigsum_hash(hex_encode(as_bytes(std::string(26, ' ') + "foo-4\n")));
    Bytes leaf(32);
    const Hash32 checksum = sha256(message);
    std::copy(checksum.begin(), checksum.end(), leaf.begin());
    for (const std::size_t part : {1, 0}) {
      const Bytes bytes = sigsum_bytes(proof.at("leaf", part));
      leaf.insert(leaf.end(), bytes.begin(), bytes.end());
    }
    CHECK(verify_inclusion(LeafIndex{proof.number("leaf_index")}, TreeSize{proof.number("size")},
                           leaf_hash(leaf), proof.path, sigsum_hash(proof.at("root_hash"))));

    if (proof.values.count("cosignature") == 0) continue;
    const Bytes witness = sigsum_bytes(kSigsumWitness);
    REQUIRE(proof.at("cosignature") == hex_encode(sha256(witness)));
    const VerifierKey cosigner =
        VerifierKey::make("witness", NoteAlgorithm::kCosignatureEd25519, witness).value();
    const Bytes signature = join_timestamped_signature(std::stoull(proof.at("cosignature", 1)),
                                                       sigsum_bytes(proof.at("cosignature", 2)));
    note.signatures.push_back({cosigner.name, cosigner.id, signature});
    CHECK(verify_note(note, cosigner));
    note.signatures.back().signature[7] ^= 1;  // another time
    CHECK_FALSE(verify_note(note, cosigner));
    ++cosignatures;
  }
  CHECK(cosignatures == 1);
  std::cout << "Sigsum heads verified: 2\n";
}

}  // namespace
}  // namespace witan
