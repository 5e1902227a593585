#include <cstddef>
#include <filesystem>
#include <iostream>
#include <map>
#include <string>

#include <nlohmann/json.hpp>

#include "config/file.h"
#include "ledger/encoding.h"
#include "ledger/format/problem_details.h"
#include "node/cli/inspect_parts.h"
#include "node/cli/printable.h"
#include "tests/support/catch.h"
#include "tests/support/vectors.h"
#include "tests/witness/verify_world.h"

using namespace witan;
using namespace witan::cli;
using namespace witan::test;

namespace {

Json inspect(BytesView content, const std::string& file_name = "file") {
  auto value = inspect_any(content, file_name);
  if (!value) FAIL(value.error().message);
  return *std::move(value);
}
Json inspect(const std::string& text) {
  return inspect(as_bytes(text));
}

bool is_harmless(std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && byte != '\n') || byte == 0x7f) return false;
  }
  // C1 controls in UTF-8.
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    if (static_cast<unsigned char>(text[i]) == 0xc2 &&
        static_cast<unsigned char>(text[i + 1]) < 0xa0) {
      return false;
    }
  }
  return is_utf8(as_bytes(text));
}

// Both outputs exist and hold nothing that a terminal obeys.
void check_prints(const Json& value) {
  const std::string lines = to_lines(value);
  CHECK_FALSE(lines.empty());
  CHECK(is_harmless(lines));
  CHECK(is_harmless(value.dump(2, ' ', true, Json::error_handler_t::replace)));
}

}  // namespace

TEST_CASE("printable: what a terminal would obey is escaped, the rest stays") {
  CHECK(cli::printable("plain \xc3\xa9 text") == "plain \xc3\xa9 text");
  CHECK(cli::printable("a\nb\tc\r") == "a\\nb\\tc\\r");
  CHECK(cli::printable("\x1b[31mred") == "\\x1b[31mred");
  CHECK(cli::printable("\x7f") == "\\x7f");
  CHECK(cli::printable("\xc2\x9b"
                       "31m") == "\\u009b31m");
  CHECK(cli::printable("\xe2\x80\xae") == "\\u202e");
  CHECK(cli::printable("\xff\xc3") == "\\xff\\xc3");
  CHECK(cli::printable(std::string("\0", 1)) == "\\x00");
  CHECK(cli::printable("\xed\xa0\x80") == "\\xed\\xa0\\x80");
}

TEST_CASE("inspect: statements, receipts and what travels in them are named with their fields") {
  const World world;
  const Json statement = inspect(world.statement);
  CHECK(statement.at("type") == "signed statement");
  CHECK(statement.at("issuer") == "https://example.com");
  CHECK(statement.at("id") == hex_encode(World::parsed(world.statement).entry()));
  check_prints(statement);

  const Bytes receipt_bytes = world.receipt();
  const Json receipt = inspect(receipt_bytes);
  CHECK(receipt.at("type") == "receipt");
  CHECK(receipt.at("vds") == 1);
  CHECK(receipt.at("inclusion_proofs").at(0).at("leaf_index") == 3);
  CHECK(receipt.at("checkpoint").at("origin") == world.origin);
  check_prints(receipt);

  const Json transparent = inspect(embed_receipts(World::parsed(world.statement), {receipt_bytes}));
  CHECK(transparent.at("type") == "transparent statement");
  CHECK(transparent.at("receipts").at(0) == receipt);

  const Json key_set = inspect(world.registered_key_set());
  const Json& content = key_set.at("payload").at("content");
  CHECK(content.at("type") == "log keys");
  CHECK(content.at("evidence").at("grade") == "process");
  check_prints(key_set);

  const Bytes head = cose_head_protected(CoseHeadFields{{}, "i", "o", 0, TreeSize{5}});
  const Json consistency =
      inspect(encode_consistency_receipt(head, Bytes(64), {TreeSize{3}, TreeSize{5}, {Hash32{}}}));
  CHECK(consistency.at("type") == "consistency receipt");
  CHECK(consistency.at("consistency_proofs").at(0).at("from_size") == 3);
}

TEST_CASE("inspect: notes show each signature's name, key, algorithm and time") {
  const World world;
  const Json note = inspect(world.checkpoint({}));
  CHECK(note.at("type") == "checkpoint");
  CHECK(note.at("size") == 5);
  CHECK(note.at("signatures").at(0).at("algorithm_guess") == "Ed25519");
  CHECK(note.at("signatures").at(0).at("key_id") == hex_encode(world.vkey().id));
  CHECK(note.at("signatures").at(1).at("algorithm_guess") == "Ed25519 cosignature");
  CHECK(note.at("signatures").at(1).at("timestamp") == kTimeS);
  CHECK(note.at("signatures").at(1).at("time") == "2025-10-09T08:53:20Z");
  check_prints(note);

  const Json proof = inspect(world.tlog_proof());
  CHECK(proof.at("type") == "tlog-proof");
  CHECK(proof.at("checkpoint") == note);

  CHECK(inspect(world.vkey().text() + "\n").at("type") == "vkey");
  CHECK(inspect("# two\n" + world.vkey().text() + "\n" + world.witness_vkey().text() + "\n")
            .at("keys")
            .size() == 2);
  const Json policy = inspect("log " + world.vkey().text() + "\nwitness w " +
                              world.witness_vkey().text() + "\nquorum w\n");
  CHECK(policy.at("type") == "tlog-policy");
  CHECK(policy.at("quorum") == "w");
  CHECK(inspect("witness w x\nquorum w\n").contains("not_valid"));
}

TEST_CASE("inspect: keys are described, and of private ones only the public half") {
  const World world;
  const PublicKey& key = world.receipt_key.public_key();
  const std::string thumbprint = hex_encode(cose_key_thumbprint(key));
  CHECK(inspect(key.pem()).at("thumbprint") == thumbprint);
  CHECK(inspect(key.spki()).at("type") == "public key");
  CHECK(inspect(cose_key_encode(key, {}, {})).at("thumbprint") == thumbprint);
  CHECK(inspect(cose_key_set_encode({{key, {}, {}}})).at("keys").size() == 1);
  const Json shown = inspect(world.receipt_key.to_pem());
  CHECK(shown ==
        Json{{"type", "private key"}, {"kind", "P-256"}, {"public_thumbprint", thumbprint}});
}

TEST_CASE("inspect: policies and trust files in TOML show their keys") {
  const World world;
  const std::string pem = pem_of(world.issuer);
  const Json policy = inspect("version = 1\n[admin]\nkeys = [\"\"\"" + pem + "\"\"\"]\n");
  CHECK(policy.at("type") == "registration policy");
  CHECK(policy.at("admin_keys").at(0).at("type") == "public key");
  check_prints(policy);

  const auto folder =
      std::filesystem::temp_directory_path() /
      ("witan-inspect-" + hex_encode(cose_key_thumbprint(world.issuer.public_key())));
  std::filesystem::create_directory(folder);
  const std::string file = (folder / "trust.toml").string();
  const std::string text = "[log]\norigin = \"log.example/1\"\nreceipt_keys = [\"\"\"" + pem +
                           "\"\"\"]\n[[issuer]]\nname = \"https://*\"\nkeys = [\"missing.pem\"]\n";
  REQUIRE(write_file_atomic(file, text, 0644));
  CHECK_THAT(inspect(as_bytes(text), file).at("not_valid").get<std::string>(),
             ContainsSubstring("missing.pem"));
  REQUIRE(write_file_atomic((folder / "missing.pem").string(), pem, 0644));
  const Json trust = inspect(as_bytes(text), file);
  CHECK(trust.at("type") == "trust file");
  CHECK(trust.at("issuers").at(0).at("keys").at(0).at("type") == "public key");
  std::filesystem::remove_all(folder);
}

TEST_CASE("inspect: other CBOR, hexadecimal, JSON and text are shown as what they are") {
  const Json problem = inspect(encode_problem({"Rejected", "\x1b]0;title\x07"}));
  CHECK(problem.at("type") == "problem details");
  check_prints(problem);
  CHECK_THAT(to_lines(problem), ContainsSubstring("\\x1b]0;title\\x07"));
  CHECK(inspect(Bytes{0x83, 0x01, 0x02, 0x03}).at("diagnostic") == "[1, 2, 3]");
  CHECK(inspect("830102 03\n").at("content").at("type") == "cbor");
  CHECK(inspect("{\"a\\u001b\": 1}").at("type") == "json");
  check_prints(inspect("{\"a\\u001b\": \"\\u009b\"}"));
  CHECK(inspect("Some words.\nMore.\n").at("type") == "text");
  check_prints(inspect(std::string(100'000, '[')));
  const std::string deep(100'000, '[');
  check_prints(inspect(deep + std::string(100'000, ']')));
  CHECK_FALSE(inspect_any({}, "file"));
  CHECK_FALSE(inspect_any(Bytes{0xff, 0x00}, "file"));
}

TEST_CASE("inspect: every cut of a receipt is refused or shown, never more") {
  const World world;
  const Bytes receipt = world.receipt();
  for (std::size_t size = 1; size < receipt.size(); ++size) {
    const auto value = inspect_any(BytesView(receipt).first(size), "file");
    if (value) check_prints(*value);
  }
}

TEST_CASE("inspect: every file that other systems made is recognised and printed") {
  const auto dir = vectors_dir();
  if (!dir) {
    std::cout << "inspect: outside vectors skipped\n";
    return;
  }
  std::map<std::string, std::size_t> types;
  std::size_t count = 0, notes = 0;
  for (const char* folder : {"scitt", "tlog/checkpoints", "tlog/tlog-proof"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(*dir / folder)) {
      if (!entry.is_regular_file() || entry.path().extension() == ".raw") continue;
      INFO(entry.path().string());
      const Json value = inspect(as_bytes(read_file(entry.path())), entry.path().string());
      check_prints(value);
      CHECK_FALSE(value.contains("not_valid"));
      if (entry.path().extension() == ".cose") CHECK(value.at("type") != "cbor");
      ++types[value.at("type").get<std::string>()];
      if (entry.path().parent_path().filename() == "checkpoints" &&
          entry.path().extension() == ".txt") {
        ++notes;
      }
      ++count;
    }
  }
  CHECK(types["checkpoint"] + types["note"] == notes);
  CHECK(notes > 0);
  std::cout << "inspect vectors printed: " << count << " (";
  for (const auto& [type, number] : types) std::cout << type << " " << number << ", ";
  std::cout << "in all)\n";
}

TEST_CASE("inspect: signature lines of real notes are guessed as their index says") {
  const auto dir = vectors_dir();
  if (!dir) return;
  const std::map<int, std::string> names{{1, "Ed25519"},
                                         {2, "ECDSA P-256"},
                                         {4, "Ed25519 cosignature"},
                                         {5, "RFC 6962 tree head"},
                                         {6, "ML-DSA-44 cosignature"}};
  std::size_t count = 0;
  const auto folder = *dir / "tlog" / "checkpoints";
  for (const auto& row : nlohmann::json::parse(read_file(folder / "index.json"))) {
    const std::string file = row.at("file");
    const Json note = inspect(read_file(folder / file));
    for (std::size_t i = 0; i < row.at("signatures").size(); ++i) {
      const auto& expected = row.at("signatures").at(i);
      INFO(file << " line " << i);
      const Json& found = note.at("signatures").at(i);
      CHECK(found.at("key_id") == expected.at("key_id"));
      if (!expected.at("alg").is_number()) continue;
      CHECK(found.at("algorithm_guess") == names.at(expected.at("alg").get<int>()));
      ++count;
    }
  }
  std::cout << "inspect signature lines checked: " << count << "\n";
}
