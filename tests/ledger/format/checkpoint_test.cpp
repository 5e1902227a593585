#include "ledger/format/checkpoint.h"

#include <cstdint>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "config/limits.h"
#include "ledger/crypto/ml_dsa.h"
#include "ledger/crypto/secret.h"
#include "ledger/crypto/sha256.h"
#include "ledger/encoding.h"
#include "ledger/format/note.h"
#include "tests/support/catch.h"
#include "tests/support/vectors.h"

namespace witan {
namespace {

constexpr std::string_view kRoot = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";

std::string text_of(std::string_view origin, std::string_view size, std::string_view root,
                    std::string_view rest = "") {
  return std::string(origin) + "\n" + std::string(size) + "\n" + std::string(root) + "\n" +
         std::string(rest);
}

TEST_CASE("checkpoint: the example of the specification is read and written again") {
  const std::string text = text_of("example.com/behind-the-sofa", "20852163", kRoot);
  const auto checkpoint = Checkpoint::parse(text);
  REQUIRE(checkpoint);
  CHECK(checkpoint->origin == "example.com/behind-the-sofa");
  CHECK(checkpoint->size == TreeSize{20'852'163});
  CHECK(base64_encode(checkpoint->root) == kRoot);
  CHECK(checkpoint->extensions.empty());
  CHECK(checkpoint->text() == text);
}

TEST_CASE("checkpoint: origins with spaces, size zero and extension lines are read") {
  for (const std::string& text : {
           text_of("go.sum database tree", "1", kRoot),
           text_of("a+b \u00e8", "0", base64_encode(empty_root())),
           text_of("a", "9223372036854775807", kRoot),
           text_of("a", "1", kRoot,
                   "ext\n\xe2\x80\x94 x\n "
                   "\n"),
       }) {
    const auto checkpoint = Checkpoint::parse(text);
    INFO(text);
    REQUIRE(checkpoint);
    CHECK(checkpoint->text() == text);
  }
}

TEST_CASE("checkpoint: malformed texts are refused naming the line") {
  const auto message = [](const std::string& text, ErrorCode code = ErrorCode::kMalformed) {
    const auto checkpoint = Checkpoint::parse(text);
    INFO(text);
    REQUIRE_FALSE(checkpoint);
    CHECK(checkpoint.error().code == code);
    return checkpoint.error().message;
  };
  message("");
  message("a\n");
  message("a\n1\n");
  CHECK_THAT(message(text_of("", "1", kRoot)), ContainsSubstring("line 1"));
  for (const std::string size :
       {"", "01", "00", "-1", "+1", " 1", "1 ", "0x1", "1e3", "1.0", "one", "\xd9\xa1"}) {
    CHECK_THAT(message(text_of("a", size, kRoot)), ContainsSubstring("line 2"));
  }
  for (const std::string size : {"9223372036854775808", "18446744073709551615",
                                 "18446744073709551616", "99999999999999999999999999"}) {
    message(text_of("a", size, kRoot), ErrorCode::kTooLarge);
  }
  message(text_of("a", "099999999999999999999999999", kRoot));
  for (const std::string& root : {
           std::string(),
           std::string(kRoot.substr(0, 43)),  // no padding
           std::string(kRoot) + "=",
           std::string(kRoot) + " ",
           std::string(kRoot.substr(0, 42)) + "J=",  // stray bits
           base64_encode(Bytes(31)),
           base64_encode(Bytes(33)),
           std::string(43, '_') + "=",
           hex_encode(Bytes(32)),
       }) {
    CHECK_THAT(message(text_of("a", "1", root)), ContainsSubstring("line 3"));
  }
  CHECK_THAT(message(text_of("a", "1", kRoot, "\n")), ContainsSubstring("line 4"));
  CHECK_THAT(message(text_of("a", "1", kRoot, "x\n\ny\n")), ContainsSubstring("line 5"));
  CHECK_THAT(message(text_of("a", "1", kRoot, "x")), ContainsSubstring("newline"));
  const std::string whole = text_of("a", "1", kRoot);
  for (std::size_t size = 0; size < whole.size(); ++size) message(whole.substr(0, size));
  message("a\r\n1\r\n" + std::string(kRoot) + "\r\n");
  message(text_of("a\tb", "1", kRoot));
  message(text_of(std::string(1, '\0'), "1", kRoot));
  message(text_of("a\xff", "1", kRoot));
  message(text_of("a", "1", kRoot, std::string(limits::kNoteBytesMax, 'x') + "\n"),
          ErrorCode::kTooLarge);
}

TEST_CASE("checkpoint: the origin hash is lower-case hex of SHA-256") {
  CHECK(origin_hash("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(origin_hash("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

SignatureStatus expected_status(const nlohmann::json& line, NoteAlgorithm algorithm) {
  const std::string status = line.at("status");
  if (status == "unknown-key") return SignatureStatus::kUnknownKey;
  REQUIRE(status == "valid");
  // RFC 6962 heads sign another structure: such lines are kept, not checked.
  if (algorithm == NoteAlgorithm::kRfc6962) return SignatureStatus::kUnverifiable;
  if (algorithm == NoteAlgorithm::kMlDsa44 && !ml_dsa_available()) {
    return SignatureStatus::kUnverifiable;
  }
  return SignatureStatus::kValid;
}

void check_line(const Note& note, const NoteSignature& signature, const nlohmann::json& line,
                const std::vector<VerifierKey>& keys) {
  CHECK(nlohmann::json(signature.name) == line.at("name"));
  CHECK(nlohmann::json(hex_encode(signature.id)) == line.at("key_id"));
  bool matched = false;
  for (const VerifierKey& key : keys) {
    const SignatureCheck check = check_signature(note, signature, key);
    if (check.status == SignatureStatus::kUnknownKey) continue;
    matched = true;
    CHECK(nlohmann::json(static_cast<int>(key.algorithm)) == line.at("alg"));
    CHECK(check.status == expected_status(line, key.algorithm));
    if (line.value("timestamp", nlohmann::json()).is_null()) {
      CHECK_FALSE(check.timestamp.has_value());
    } else {
      CHECK(check.timestamp == line.at("timestamp").get<std::uint64_t>());
    }
    // The same signature over another text is wrong.
    Note changed = note;
    changed.text.insert(changed.text.begin(), 'x');
    const auto other = check_signature(changed, signature, key).status;
    CHECK(other != SignatureStatus::kValid);
  }
  CHECK(matched == (line.at("status") != "unknown-key"));
}

std::vector<VerifierKey> keys_of(const nlohmann::json& row) {
  std::vector<VerifierKey> keys;
  for (const std::string& text : row.value("vkeys", std::vector<std::string>{})) {
    keys.push_back(VerifierKey::parse(text).value());
    CHECK(keys.back().text() == text);
  }
  if (row.contains("log_spki_der_b64")) {
    // A key of type 5 is the log's key or its hash, the log id, and has one key id either way.
    const auto make = [&row](const char* field) {
      const std::string encoded = row.at(field);
      return VerifierKey::make(row.at("origin"), NoteAlgorithm::kRfc6962,
                               base64_decode(encoded).value());
    };
    keys.push_back(make("log_spki_der_b64").value());
    CHECK(keys.back().id == make("log_id").value().id);
  }
  return keys;
}

TEST_CASE("checkpoint: published checkpoints of other systems verify as their index says") {
  init_crypto();
  const auto dir = test::vectors_dir();
  if (!dir) {
    std::cout << "checkpoint vectors skipped: WITAN_VECTORS is not set\n";
    return;
  }
  const auto folder = *dir / "tlog/checkpoints";
  const auto index = nlohmann::json::parse(test::read_file(folder / "index.json"));
  std::size_t notes = 0;
  std::map<std::string, std::size_t> lines;
  for (const auto& row : index) {
    const std::string file = row.at("file");
    INFO(file);
    const std::string bytes = test::read_file(folder / file);
    const auto note = Note::parse(bytes);
    REQUIRE(note);
    CHECK(note->encode() == bytes);
    const std::vector<VerifierKey> keys = keys_of(row);
    if (!row.value("origin", nlohmann::json()).is_null()) {
      const auto checkpoint = Checkpoint::parse(note->text);
      REQUIRE(checkpoint);
      CHECK(checkpoint->text() == note->text);
      CHECK(nlohmann::json(checkpoint->origin) == row.at("origin"));
      CHECK(nlohmann::json(checkpoint->size.value) == row.at("size"));
      CHECK(nlohmann::json(base64_encode(checkpoint->root)) == row.at("root"));
    }
    REQUIRE(note->signatures.size() == row.at("signatures").size());
    for (std::size_t i = 0; i < note->signatures.size(); ++i) {
      check_line(*note, note->signatures[i], row.at("signatures")[i], keys);
      ++lines[row.at("signatures")[i].at("status")];
    }
    ++notes;
  }
  CHECK(notes >= 28);
  std::cout << "checkpoint vectors checked: " << notes << " notes, " << lines["valid"]
            << " valid and " << lines["unknown-key"] << " foreign signature lines, ML-DSA-44 "
            << (ml_dsa_available() ? "verified" : "unverifiable in this build") << "\n";
}

}  // namespace
}  // namespace witan
