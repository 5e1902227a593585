#include "ledger/format/note.h"

#include <algorithm>
#include <string>

#include "config/limits.h"
#include "ledger/crypto/ecdsa_der.h"
#include "ledger/crypto/ml_dsa.h"
#include "ledger/crypto/secret.h"
#include "ledger/crypto/sha256.h"
#include "ledger/encoding.h"
#include "tests/support/catch.h"

namespace witan {
namespace {

// The example of C2SP signed-note.
constexpr std::string_view kExampleKey =
    "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
constexpr std::string_view kExampleNote =
    "This is an example message.\n\n\xe2\x80\x94 example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM="
    "\n";

const std::string kDash = "\xe2\x80\x94 ";

PrivateKey note_key() {
  init_crypto();
  return PrivateKey::generate(KeyKind::kEd25519).value();
}

VerifierKey vkey_of(const PrivateKey& key, const std::string& name,
                    NoteAlgorithm algorithm = NoteAlgorithm::kEd25519) {
  return VerifierKey::make(name, algorithm, key.public_key().raw()).value();
}

std::string line(const std::string& name, BytesView bytes) {
  return kDash + name + " " + base64_encode(bytes) + "\n";
}

ErrorCode parse_error(std::string_view note) {
  const auto parsed = Note::parse(note);
  INFO(note);
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().message.find("note") == 0);
  return parsed.error().code;
}

TEST_CASE("note: the example of the specification verifies and is written again unchanged") {
  const auto note = Note::parse(kExampleNote);
  REQUIRE(note);
  CHECK(note->text == "This is an example message.\n");
  CHECK(note->encode() == kExampleNote);
  const auto key = VerifierKey::parse(kExampleKey);
  REQUIRE(key);
  CHECK(key->text() == kExampleKey);
  const auto verified = verify_note(*note, *key);
  REQUIRE(verified);
  CHECK(verified->status == SignatureStatus::kValid);
  CHECK_FALSE(verified->timestamp.has_value());
}

TEST_CASE("note: every changed byte of text or signature is noticed") {
  const VerifierKey key = VerifierKey::parse(kExampleKey).value();
  for (std::size_t i = 0; i < kExampleNote.size(); ++i) {
    for (const unsigned char bit : {1, 2, 4, 8, 16, 32, 64, 128}) {
      std::string changed(kExampleNote);
      changed[i] = static_cast<char>(static_cast<unsigned char>(changed[i]) ^ bit);
      const auto note = Note::parse(changed);
      INFO(i << " " << static_cast<int>(bit));
      CHECK((!note || !verify_note(*note, key)));
      if (note) CHECK(note->encode() == changed);
    }
  }
}

TEST_CASE("note: every truncation is refused") {
  for (std::size_t size = 0; size < kExampleNote.size(); ++size) {
    CHECK_FALSE(Note::parse(kExampleNote.substr(0, size)));
  }
}

TEST_CASE("note: texts with empty lines end at the last one") {
  const PrivateKey key = note_key();
  for (const std::string text : {"\n", "a\n\nb\n", "\n\n\n", "a\n\n", "\u00e8 sera\n"}) {
    const NoteSignature signature = sign_note(text, "k", key).value();
    const Note note{text, {signature}};
    const auto again = Note::parse(note.encode());
    REQUIRE(again);
    CHECK(again->text == text);
    CHECK(verify_note(*again, vkey_of(key, "k")));
  }
}

TEST_CASE("note: malformed notes are refused") {
  const std::string good(kExampleNote);
  const std::string sig = good.substr(good.find(kDash));
  for (const std::string& bad : {
           std::string(),
           std::string("\n"),
           std::string("text\n"),
           std::string("text\n\n"),
           "text\n" + sig,
           "text" + sig,
           "\n" + sig,
           good.substr(0, good.size() - 1),  // no newline at the end
           good + "\n",                      // an empty line after the signatures
           good + "trailing\n",
           good + kDash + "\n",
           good + kDash + "name\n",
           good + kDash + " QUJDREVGRw==\n",                // no name
           good + kDash + "a  QUJDREVGRw==\n",              // two spaces
           good + kDash + "a QUJDREVGRw== \n",              // a space at the end
           good + kDash + "a+b QUJDREVGRw==\n",             // a plus in the name
           good + kDash + "a\xc2\xa0z QUJDREVGRw==\n",      // no-break space
           good + kDash + "a\xe2\x80\x83z QUJDREVGRw==\n",  // em space
           good + kDash + "a QUJDREVGRw\n",                 // no padding
           good + kDash + "a QUJDREVGRx==\n",               // stray bits
           good + kDash + "a QUJDREVG_w==\n",               // the other alphabet
           good + kDash + "a QUJDRA==\n",                   // a key id and nothing
           good + kDash + "a QUI=\n",
           good + kDash + "a \n",
           good + "- a QUJDREVGRw==\n",             // a hyphen
           good + "\xe2\x80\x93 a QUJDREVGRw==\n",  // an en dash
           good + kDash + "a QUJDREVGRw==\r\n",
           "text\r\n\r\n" + sig,
           std::string("te\0xt\n\n", 7) + sig,
           "te\txt\n\n" + sig,
           "te\x1fxt\n\n" + sig,
           "te\xff\n\n" + sig,
           "te\xed\xa0\x80\n\n" + sig,  // a surrogate
           good + kDash + "a\x80 QUJDREVGRw==\n",
       }) {
    CHECK(parse_error(bad) == ErrorCode::kMalformed);
  }
}

TEST_CASE("note: 128 signatures are read, 129 are too many, and so are 128 KiB") {
  std::string note = "text\n\n";
  for (int i = 0; i < 128; ++i) note += line("k" + std::to_string(i), as_bytes("12345"));
  REQUIRE(Note::parse(note));
  CHECK(Note::parse(note)->signatures.size() == 128);
  CHECK(parse_error(note + line("k", as_bytes("12345"))) == ErrorCode::kTooLarge);
  CHECK(parse_error(std::string(limits::kNoteBytesMax, 'x') + "\n\n" +
                    line("k", as_bytes("12345"))) == ErrorCode::kTooLarge);
}

TEST_CASE("note: signatures of unknown keys are ignored, whatever they contain") {
  const PrivateKey key = note_key();
  const VerifierKey vkey = vkey_of(key, "good");
  Note note{"text\n", {}};
  NoteSignature forged = sign_note("text\n", "good", key).value();
  forged.id[0] ^= 1;  // same name, another id
  note.signatures.push_back(forged);
  forged = sign_note("text\n", "good", key).value();
  forged.name = "bad";  // same id, another name
  note.signatures.push_back(forged);
  note.signatures.push_back({"short", {1, 2, 3, 4}, {9}});
  note.signatures.push_back({"long", {1, 2, 3, 4}, Bytes(5'000, 7)});
  CHECK(verify_note(note, vkey).error().code == ErrorCode::kBadSignature);
  note.signatures.push_back(sign_note("text\n", "good", key).value());
  const auto again = Note::parse(note.encode());
  REQUIRE(again);
  CHECK(verify_note(*again, vkey));
  CHECK(check_signature(*again, again->signatures[0], vkey).status == SignatureStatus::kUnknownKey);
  CHECK(check_signature(*again, again->signatures[4], vkey).status == SignatureStatus::kValid);
}

TEST_CASE("note: one wrong signature of a known key refuses that key, and no other") {
  const PrivateKey key = note_key();
  const PrivateKey other = note_key();
  Note note{"text\n", {sign_note("text\n", "a", key).value()}};
  note.signatures.push_back(note.signatures.front());
  CHECK(verify_note(note, vkey_of(key, "a")));  // the same line twice
  note.signatures.push_back(sign_note("text\n", "b", other).value());
  note.signatures[1].signature.back() ^= 1;
  const auto verified = verify_note(note, vkey_of(key, "a"));
  REQUIRE_FALSE(verified);
  CHECK(verified.error().code == ErrorCode::kBadSignature);
  CHECK_THAT(verified.error().message, ContainsSubstring("a+"));
  CHECK(verify_note(note, vkey_of(other, "b")));
  for (const std::size_t size : {1, 63, 65, 72, 2'428}) {
    note.signatures[1].signature.resize(size);
    CHECK(check_signature(note, note.signatures[1], vkey_of(key, "a")).status ==
          SignatureStatus::kInvalid);
  }
}

TEST_CASE("note: key names") {
  for (const std::string name : {"a", "example.com/log", "ArmoredWitness-x", "\u00e8", "a:b"}) {
    CHECK(valid_key_name(name));
  }
  CHECK(valid_key_name(std::string(255, 'x')));
  CHECK_FALSE(valid_key_name(std::string(256, 'x')));
  for (const std::string name :
       {"",         " ",       "a b",    "a+b",    "a\tb",     "a\n",    "a\x7f\x80",
        "\xc2\x85", "a\u00a0", "\u1680", "\u2000", "\u200a",   "\u2028", "\u2029",
        "\u202f",   "\u205f",  "\u3000", "\xff",   "\xc0\xa0", "a\r"}) {
    INFO(hex_encode(as_bytes(name)));
    CHECK_FALSE(valid_key_name(name));
  }
  CHECK_FALSE(valid_key_name(std::string_view("a\0b", 3)));
  CHECK(valid_key_name("\u200b"));  // zero width, no space to Unicode
}

TEST_CASE("vkey: malformed keys are refused") {
  const std::string good(kExampleKey);
  const auto code = [](std::string_view text) {
    const auto key = VerifierKey::parse(text);
    INFO(text);
    REQUIRE_FALSE(key);
    CHECK(key.error().message.find("vkey") == 0);
    return key.error().code;
  };
  for (std::size_t size = 0; size < good.size(); ++size) {
    CHECK(code(good.substr(0, size)) == ErrorCode::kMalformed);
  }
  CHECK(code(good + "\n") == ErrorCode::kMalformed);
  CHECK(code(" " + good) == ErrorCode::kMalformed);
  CHECK(code(good + "=") == ErrorCode::kMalformed);
  const std::string key = good.substr(good.rfind('+'));
  CHECK(code("example.com/foo+530d903b" + key) == ErrorCode::kMalformed);
  CHECK(code("example.com/fop+530d903a" + key) == ErrorCode::kMalformed);
  CHECK(code("example.com/foo+530D903A" + key) == ErrorCode::kMalformed);
  CHECK(code("example.com/foo+530d903" + key) == ErrorCode::kMalformed);
  CHECK(code("example.com/foo+0530d903a" + key) == ErrorCode::kMalformed);
  CHECK(code("example.com/foo+" + key) == ErrorCode::kMalformed);
  CHECK(code("+530d903a" + key) == ErrorCode::kMalformed);
  CHECK(code("a b+530d903a" + key) == ErrorCode::kMalformed);
  CHECK(code("a+00000000+" + std::string(100'000, 'A')) == ErrorCode::kMalformed);
  CHECK_THAT(VerifierKey::parse("example.com/foo+00000000" + key).error().message,
             ContainsSubstring("530d903a expected"));
}

TEST_CASE("vkey: unknown signature types are unsupported, not malformed") {
  for (const int type : {0, 3, 7, 0xfa, 0xff}) {
    Bytes material(33, 1);
    material[0] = static_cast<std::uint8_t>(type);
    const auto key = VerifierKey::parse("a+00000000+" + base64_encode(material));
    REQUIRE_FALSE(key);
    CHECK(key.error().code == ErrorCode::kUnsupported);
    CHECK_THAT(key.error().message, ContainsSubstring("found " + std::to_string(type)));
  }
}

TEST_CASE("vkey: each type has its length of key, and survives text and parse") {
  const Bytes raw(32, 9);
  for (const auto algorithm :
       {NoteAlgorithm::kEd25519, NoteAlgorithm::kCosignatureEd25519, NoteAlgorithm::kRfc6962}) {
    const VerifierKey key = VerifierKey::make("a", algorithm, raw).value();
    CHECK(VerifierKey::parse(key.text()).value() == key);
    CHECK_FALSE(VerifierKey::make("a", algorithm, Bytes(31, 9)));
  }
  CHECK_FALSE(VerifierKey::make("a", NoteAlgorithm::kEd25519, Bytes(33, 9)));
  const VerifierKey ml_dsa =
      VerifierKey::make("a", NoteAlgorithm::kMlDsa44, Bytes(kMlDsa44KeyBytes, 1)).value();
  CHECK(VerifierKey::parse(ml_dsa.text()).value() == ml_dsa);
  CHECK_FALSE(VerifierKey::make("a", NoteAlgorithm::kMlDsa44, Bytes(kMlDsa44KeyBytes + 1, 1)));
  CHECK_FALSE(VerifierKey::make("", NoteAlgorithm::kEd25519, raw));
  // Different types of one key never share an id.
  CHECK(VerifierKey::make("a", NoteAlgorithm::kEd25519, raw)->id !=
        VerifierKey::make("a", NoteAlgorithm::kCosignatureEd25519, raw)->id);
}

TEST_CASE("note: ECDSA keys are P-256 in SPKI, their signatures strict DER over SHA-256") {
  init_crypto();
  const PrivateKey key = PrivateKey::generate(KeyKind::kP256).value();
  const Bytes spki = key.public_key().spki();
  const VerifierKey vkey = VerifierKey::make("e", NoteAlgorithm::kEcdsa, spki).value();
  const Hash32 hash = sha256(spki);
  CHECK(std::equal(vkey.id.begin(), vkey.id.end(), hash.begin()));
  CHECK(VerifierKey::parse(vkey.text()).value() == vkey);

  const std::string text = "text\n";
  const Bytes r_s = key.sign(Algorithm::kEs256, as_bytes(text)).value();
  const Bytes der = ecdsa_to_der(r_s, KeyKind::kP256).value();
  Note note{text, {{"e", vkey.id, der}}};
  CHECK(verify_note(note, vkey));
  const auto refused = [&](Bytes signature) {
    note.signatures[0].signature = std::move(signature);
    return check_signature(note, note.signatures[0], vkey).status == SignatureStatus::kInvalid;
  };
  CHECK(refused(r_s));
  for (std::size_t size = 1; size < der.size(); ++size) {
    CHECK(refused(Bytes(der.begin(), der.begin() + static_cast<std::ptrdiff_t>(size))));
  }
  Bytes trailing = der;
  trailing.push_back(0);
  CHECK(refused(trailing));
  Bytes long_form = {0x30, 0x81};  // BER: a longer length than needed
  long_form.insert(long_form.end(), der.begin() + 1, der.end());
  CHECK(refused(long_form));
  for (std::size_t i = 0; i < der.size(); ++i) {
    Bytes flipped = der;
    flipped[i] ^= 0x10;
    CHECK(refused(flipped));
  }
  CHECK(refused(Bytes(200, 0x30)));

  const PrivateKey p384 = PrivateKey::generate(KeyKind::kP384).value();
  CHECK(VerifierKey::make("e", NoteAlgorithm::kEcdsa, p384.public_key().spki()).error().code ==
        ErrorCode::kUnsupported);
  CHECK_FALSE(VerifierKey::make("e", NoteAlgorithm::kEcdsa, Bytes(91, 0x30)));
  Bytes longer = spki;
  longer.push_back(0);
  CHECK_FALSE(VerifierKey::make("e", NoteAlgorithm::kEcdsa, longer));
}

TEST_CASE("ecdsa: DER and fixed width convert both ways, on each curve") {
  for (const auto& [curve, width] : {std::pair{KeyKind::kP256, std::size_t{32}},
                                     {KeyKind::kP384, std::size_t{48}},
                                     {KeyKind::kP521, std::size_t{66}}}) {
    for (const std::uint8_t first : {0x00, 0x01, 0x7f, 0x80, 0xff}) {
      Bytes r_s(2 * width, 0x42);
      r_s[0] = first;
      r_s[width] = static_cast<std::uint8_t>(first ^ 0xff);
      const Bytes der = ecdsa_to_der(r_s, curve).value();
      CHECK(ecdsa_from_der(der, curve).value() == r_s);
    }
    CHECK_FALSE(ecdsa_to_der(Bytes(2 * width - 1), curve));
  }
  // Numbers of a larger curve do not fit; negative ones and non-numbers are none.
  const Bytes large = ecdsa_to_der(Bytes(96, 0xff), KeyKind::kP384).value();
  CHECK_FALSE(ecdsa_from_der(large, KeyKind::kP256));
  CHECK_FALSE(
      ecdsa_from_der(Bytes{0x30, 0x06, 0x02, 0x01, 0x81, 0x02, 0x01, 0x01}, KeyKind::kP256));
  CHECK_FALSE(ecdsa_from_der(Bytes{}, KeyKind::kP256));
  CHECK(ecdsa_from_der(large, KeyKind::kEd25519).error().code == ErrorCode::kUnsupported);
  CHECK(ecdsa_to_der(Bytes(64), KeyKind::kRsa).error().code == ErrorCode::kUnsupported);
}

TEST_CASE("note: RFC 6962 signatures are kept and reported as unverifiable") {
  const VerifierKey key = VerifierKey::make("ct", NoteAlgorithm::kRfc6962, Bytes(32, 5)).value();
  const Note note{"text\n", {{"ct", key.id, Bytes(80, 1)}}};
  CHECK(check_signature(note, note.signatures[0], key).status == SignatureStatus::kUnverifiable);
  CHECK(verify_note(note, key).error().code == ErrorCode::kUnsupported);
}

TEST_CASE("note: signing refuses what could not be read again") {
  const PrivateKey key = note_key();
  for (const std::string text : {"", "no newline", "tab\t\n", "bad \xff\n", "cr\r\n"}) {
    CHECK(sign_note(text, "k", key).error().code == ErrorCode::kMalformed);
  }
  CHECK(sign_note("x\n", "two words", key).error().code == ErrorCode::kMalformed);
  CHECK(sign_note("x\n", "", key).error().code == ErrorCode::kMalformed);
  const PrivateKey p256 = PrivateKey::generate(KeyKind::kP256).value();
  CHECK(sign_note("x\n", "k", p256).error().code == ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace witan
