#include "ledger/format/statement.h"

#include <iostream>
#include <optional>

#include "ledger/crypto/sha256.h"
#include "ledger/encoding.h"
#include "tests/ledger/format/statement_samples.h"
#include "tests/support/catch.h"

using namespace witan;
using namespace witan::test;

namespace {

constexpr std::size_t kStatementMax = limits::kStatementBytesDefault;

// The refusal of a statement with these header parts, properly signed.
StatementError refusal(const HeaderParts& parts, std::string_view payload = "payload") {
  const PrivateKey key = make_key();
  const auto parsed =
      Statement::parse(sign_raw(key, parts.encode(), as_bytes(payload)), kStatementMax);
  REQUIRE_FALSE(parsed);
  return parsed.error();
}

HeaderParts with(std::function<void(CborWriter&)> more, std::size_t pairs = 1) {
  HeaderParts parts;
  parts.more = std::move(more);
  parts.more_pairs = pairs;
  return parts;
}

}  // namespace

TEST_CASE("statement: what make_statement writes is read again, for every kind of key") {
  for (const KeyKind kind : {KeyKind::kEd25519, KeyKind::kP256, KeyKind::kP384, KeyKind::kP521}) {
    const PrivateKey key = make_key(kind);
    const StatementRequest request = sample_request();
    const Bytes bytes = make_statement(request, key).value();
    const auto statement = Statement::parse(bytes, kStatementMax);
    REQUIRE(statement);
    CHECK(statement->issuer == request.issuer);
    CHECK(statement->subject == request.subject);
    CHECK(statement->content_type == request.content_type);
    CHECK(statement->issued_at_s == request.issued_at_s);
    CHECK(to_bytes(statement->payload) == request.payload);
    CHECK(equal(*statement->kid, cose_key_thumbprint(key.public_key())));
    CHECK(statement->algorithm == default_algorithm(kind));
    CHECK(statement->cose.verify(key.public_key()));
    CHECK(statement->canonical() == bytes);
    CHECK(statement->entry() == sha256(bytes));
    CHECK_FALSE(statement->cose.verify(make_key(kind).public_key()));
  }
}

TEST_CASE("statement: a hash envelope carries 258 to 260 and no content type") {
  StatementRequest request = sample_request();
  request.content_type.reset();
  request.hash_envelope = HashEnvelope{-16, "application/vnd.debian.binary-package", "https://a/b"};
  request.payload = to_bytes(sha256(as_bytes("artifact")));
  const PrivateKey key = make_key();
  const auto statement = Statement::parse(make_statement(request, key).value(), kStatementMax);
  REQUIRE(statement);
  REQUIRE(statement->hash_envelope);
  CHECK(statement->hash_envelope->hash_algorithm == -16);
  CHECK(statement->hash_envelope->location == "https://a/b");
  CHECK(statement->hash_envelope->preimage_content_type == "application/vnd.debian.binary-package");

  request.payload.pop_back();
  CHECK_THAT(make_statement(request, key).error().message, ContainsSubstring("32"));
  request.payload.push_back(0);
  request.content_type = "text/plain";
  CHECK_THAT(make_statement(request, key).error().message, ContainsSubstring("must be absent"));
  request.content_type.reset();
  request.hash_envelope->hash_algorithm = -14;  // SHA-1
  CHECK(make_statement(request, key).error().code == ErrorCode::kUnsupported);
}

TEST_CASE("statement: receipts travel in the unprotected header and do not change the entry") {
  const PrivateKey key = make_key();
  const Bytes bytes = make_statement(sample_request(), key).value();
  const Statement statement = Statement::parse(bytes, kStatementMax).value();
  CHECK(statement.receipts().value().empty());
  const std::vector<Bytes> receipts{bytes_of("one"), bytes_of("two")};
  const Bytes embedded = embed_receipts(statement, receipts);
  const Statement again = Statement::parse(embedded, kStatementMax).value();
  CHECK(again.receipts().value() == receipts);
  CHECK(again.entry() == statement.entry());
  CHECK(again.canonical() == bytes);
  CHECK(again.cose.verify(key.public_key()));
  CHECK(embed_receipts(again, {}) == bytes);
}

TEST_CASE("statement: missing and wrong parts are refused, each under its SCRAPI title") {
  HeaderParts parts;
  parts.algorithm = nullptr;
  CHECK(refusal(parts).fault == StatementFault::kSignatureAlgorithm);
  parts.algorithm = [](CborWriter& out) { out.integer(1).text("EdDSA"); };
  CHECK(refusal(parts).fault == StatementFault::kSignatureAlgorithm);
  CHECK(refusal(parts).code == ErrorCode::kUnsupported);
  parts.algorithm = [](CborWriter& out) { out.integer(1).integer(-65'535); };
  CHECK(refusal(parts).fault == StatementFault::kSignatureAlgorithm);
  CHECK_THAT(refusal(parts).message, ContainsSubstring("-65535"));

  parts = HeaderParts{};
  parts.key_id = nullptr;
  CHECK(refusal(parts).fault == StatementFault::kConfirmationMissing);
  CHECK(scrapi_title(refusal(parts).fault) == "Confirmation Missing");

  parts = HeaderParts{};
  parts.claims = nullptr;
  CHECK(refusal(parts).fault == StatementFault::kMalformed);
  CHECK_THAT(refusal(parts).message, ContainsSubstring("CWT claims (15)"));
  parts.claims = [](CborWriter& out) { out.integer(15).map(1).integer(1).text("iss"); };
  CHECK_THAT(refusal(parts).message, ContainsSubstring("CWT sub (2): missing"));
  parts.claims = [](CborWriter& out) { out.integer(15).map(1).integer(2).text("sub"); };
  CHECK_THAT(refusal(parts).message, ContainsSubstring("CWT iss (1): missing"));
  parts.claims = [](CborWriter& out) { out.integer(15).map(1).integer(1).integer(5); };
  CHECK_THAT(refusal(parts).message, ContainsSubstring("expected a text string"));
  parts.claims = [](CborWriter& out) { out.integer(15).array(0); };
  CHECK_THAT(refusal(parts).message, ContainsSubstring("expected a map"));
  parts.claims = [](CborWriter& out) { out.integer(15).map(1).integer(1).text("a\nb"); };
  CHECK_THAT(refusal(parts).message, ContainsSubstring("control character"));
  parts.claims = [](CborWriter& out) {
    out.integer(15).map(2).integer(1).text(std::string(limits::kIssuerCharsMax + 1, 'i'));
    out.integer(2).text("s");
  };
  CHECK(refusal(parts).code == ErrorCode::kTooLarge);

  CHECK(refusal({}, "").fault == StatementFault::kPayloadMissing);
}

TEST_CASE("statement: a detached payload and a missing tag are refused") {
  const PrivateKey key = make_key();
  const Bytes header = HeaderParts{}.encode();
  const Bytes detached = cose_sign1_encode(header, kNoHeaders, std::nullopt, Bytes(64));
  const auto refused = Statement::parse(detached, kStatementMax);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().fault == StatementFault::kPayloadMissing);
  CHECK_THAT(refused.error().message, ContainsSubstring("detached"));

  Bytes untagged = sign_raw(key, header, as_bytes("payload"));
  untagged.erase(untagged.begin());
  const auto without_tag = Statement::parse(untagged, kStatementMax);
  REQUIRE_FALSE(without_tag);
  CHECK_THAT(without_tag.error().message, ContainsSubstring("tag 18"));
  CHECK(Statement::parse(untagged, kStatementMax, StatementProfile::kForeign));
}

TEST_CASE("statement: x5chain and x5t of other shapes are refused") {
  CHECK_THAT(refusal(with([](CborWriter& out) { out.integer(33).array(0); })).message,
             ContainsSubstring("array is empty"));
  CHECK_THAT(refusal(with([](CborWriter& out) { out.integer(33).text("pem"); })).message,
             ContainsSubstring("expected a byte string"));
  CHECK_THAT(refusal(with([](CborWriter& out) {
               out.integer(33).array(2).bytes(as_bytes("a")).integer(1);
             })).message,
             ContainsSubstring("byte strings in the array"));
  CHECK(refusal(with([](CborWriter& out) {
          out.integer(33).array(limits::kCertificatesMax + 1);
          for (std::size_t i = 0; i <= limits::kCertificatesMax; ++i) out.bytes(as_bytes("a"));
        })).code == ErrorCode::kTooLarge);
  CHECK(refusal(with([](CborWriter& out) {
          out.integer(33).bytes(Bytes(limits::kCertificateBytesMax + 1));
        })).code == ErrorCode::kTooLarge);
  CHECK_THAT(refusal(with([](CborWriter& out) { out.integer(34).array(1).integer(-16); })).message,
             ContainsSubstring("expected 2 elements"));
  CHECK_THAT(refusal(with([](CborWriter& out) {
               out.integer(34).array(2).integer(-16).bytes(as_bytes("short"));
             })).message,
             ContainsSubstring("32"));
  CHECK(refusal(with([](CborWriter& out) {
          out.integer(34).array(2).text("SHA-256").bytes(Bytes(32));
        })).code == ErrorCode::kUnsupported);
  CHECK_THAT(refusal(with([](CborWriter& out) { out.integer(260).text("https://a"); })).message,
             ContainsSubstring("without payload hash"));
}

TEST_CASE("statement: crit must name headers that are there and understood") {
  CHECK_THAT(refusal(with([](CborWriter& out) { out.integer(2).array(0); })).message,
             ContainsSubstring("crit (2): the array is empty"));
  CHECK_THAT(refusal(with([](CborWriter& out) { out.integer(2).array(1).integer(258); })).message,
             ContainsSubstring("not in the protected header"));
  CHECK_THAT(refusal(with([](CborWriter& out) { out.integer(2).array(1).null(); })).message,
             ContainsSubstring("integers and text strings"));
  const HeaderParts unknown =
      with([](CborWriter& out) { out.integer(2).array(1).text("new").text("new").integer(1); }, 2);
  CHECK(refusal(unknown).code == ErrorCode::kUnsupported);
  CHECK_THAT(refusal(unknown).message, ContainsSubstring("label new is not understood"));
  const PrivateKey key = make_key();
  const auto foreign = Statement::parse(sign_raw(key, unknown.encode(), as_bytes("p")),
                                        kStatementMax, StatementProfile::kForeign);
  REQUIRE(foreign);
  CHECK(foreign->crit_not_understood == std::vector<std::string>{"new"});
  const HeaderParts known = with([](CborWriter& out) { out.integer(2).array(1).integer(15); });
  CHECK(Statement::parse(sign_raw(key, known.encode(), as_bytes("p")), kStatementMax));
}

TEST_CASE("statement: what decides may not stand in the unprotected header") {
  const PrivateKey key = make_key();
  HeaderParts parts;
  const auto parse_with = [&](const Bytes& unprotected) {
    return Statement::parse(sign_raw(key, parts.encode(), as_bytes("p"), unprotected),
                            kStatementMax);
  };
  CborWriter claims;
  claims.map(1).integer(258).integer(-16);
  CHECK_FALSE(parse_with(claims.take()));
  CborWriter both;
  both.map(1).integer(4).bytes(as_bytes("other"));
  CHECK_FALSE(parse_with(both.take()));
  CborWriter chain;
  chain.map(1).integer(33).bytes(as_bytes("der"));
  const auto chained = parse_with(chain.data());
  REQUIRE(chained);
  CHECK(chained->x5chain_unprotected);
  CHECK(chained->x5chain.empty());
  parts.key_id = nullptr;
  const auto refused = parse_with(chain.data());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().fault == StatementFault::kConfirmationMissing);
  CHECK_THAT(refused.error().message, ContainsSubstring("only in the unprotected header"));
}

TEST_CASE("statement: duplicated labels are refused, in whatever length their heads are") {
  const PrivateKey key = make_key();
  Bytes header = with([](CborWriter& out) { out.integer(4).bytes(as_bytes("kid")); }).encode();
  CHECK_FALSE(Statement::parse(sign_raw(key, header, as_bytes("p")), kStatementMax));
  // {1: -8, 18 01: -7, ...}
  header = with([](CborWriter& out) {
             const Bytes long_one{0x18, 0x01, 0x26};
             out.raw(long_one);
           }).encode();
  CHECK_FALSE(Statement::parse(sign_raw(key, header, as_bytes("p")), kStatementMax));
}

TEST_CASE("statement: longer heads than needed give the same entry") {
  const PrivateKey key = make_key();
  const Bytes header = HeaderParts{}.encode();
  const Bytes minimal = sign_raw(key, header, as_bytes("payload"));
  const Statement statement = Statement::parse(minimal, kStatementMax).value();
  Bytes longer{0xd8, 18, 0x98, 4, 0x59, 0};
  longer.push_back(static_cast<std::uint8_t>(header.size()));
  append(longer, header);
  append(longer, Bytes{0xb8, 0, 0x5a, 0, 0, 0, 7});
  append(longer, as_bytes("payload"));
  append(longer, Bytes{0x59, 0, 64});
  append(longer, statement.cose.signature);
  const auto parsed = Statement::parse(longer, kStatementMax);
  REQUIRE(parsed);
  CHECK(parsed->canonical() == minimal);
  CHECK(parsed->entry() == statement.entry());
  CHECK(parsed->cose.verify(key.public_key()));
}

TEST_CASE("statement: truncated at every length, with bytes after it, oversized and deep") {
  const Bytes bytes = make_statement(sample_request(), make_key()).value();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CHECK_FALSE(Statement::parse(BytesView(bytes).first(size), kStatementMax));
  }
  Bytes trailing = bytes;
  trailing.push_back(0);
  CHECK_FALSE(Statement::parse(trailing, kStatementMax));
  CHECK(Statement::parse(bytes, bytes.size()));
  CHECK(Statement::parse(bytes, bytes.size() - 1).error().code == ErrorCode::kTooLarge);
  const HeaderParts deep = with([](CborWriter& out) {
    out.integer(99);
    for (std::size_t i = 0; i < limits::kCborDepthMax + 1; ++i) out.array(1);
    out.integer(0);
  });
  CHECK(refusal(deep).code != ErrorCode::kBadSignature);
}

TEST_CASE("statement: every flipped byte fails to parse, to verify, or lies outside the entry") {
  const PrivateKey key = make_key();
  const Bytes bytes = make_statement(sample_request(), key).value();
  const Statement original = Statement::parse(bytes, kStatementMax).value();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    Bytes changed = bytes;
    changed[i] ^= 0x01;
    const auto parsed = Statement::parse(changed, kStatementMax);
    if (!parsed || !parsed->cose.verify(key.public_key())) continue;
    CHECK(parsed->entry() == original.entry());
  }
}

TEST_CASE("statement: the outside files parse as their index says") {
  const auto vectors = vectors_dir();
  if (!vectors) {
    std::cout << "statement vectors skipped: WITAN_VECTORS is not set\n";
    return;
  }
  const auto scitt = *vectors / "scitt";
  int checked = 0;
  for (const std::string name :
       {"ccf-golden/uvm_0.2.10.cose", "ccf-golden/derived-statement-empty-uhdr.cose",
        "ccf-payloads/cosesign1tool-scitt-a3be7e5.cose",
        "ccf-payloads/cts-hashv-cwtclaims-b64url.cose",
        "ccf-payloads/manifest.spdx.json.sha384.digest.cose"}) {
    INFO(name);
    const Bytes bytes = file_bytes(scitt / name);
    const auto statement = Statement::parse(bytes, kStatementMax);
    REQUIRE(statement);
    CHECK_FALSE(statement->x5chain.empty());
    CHECK(statement->x5t);
    CHECK(statement->issuer.starts_with("did:x509:"));
    ++checked;
  }
  // Attested services: those whose crit is today's may be registered if the policy says so.
  for (const std::string date : {"20250617", "20250812", "20250925", "20260302"}) {
    INFO(date);
    const Bytes bytes =
        file_bytes(scitt / "ccf-payloads" / ("css-attested-cosesign1-" + date + ".cose"));
    const auto foreign = Statement::parse(bytes, kStatementMax, StatementProfile::kForeign);
    REQUIRE(foreign);
    CHECK(foreign->crit_not_understood.size() == 1);
    const auto registered = Statement::parse(bytes, kStatementMax);
    CHECK(registered.has_value() == (date == "20250925" || date == "20260302"));
    if (!registered) {
      CHECK_THAT(registered.error().message, ContainsSubstring("msft-css-dev is not understood"));
    }
    ++checked;
  }
  // Statements without key identification, or without subject.
  for (const std::string name :
       {"valid-eddsa", "valid-es256", "fail-bad-statement-sig", "valid-ccf-vds2"}) {
    INFO(name);
    const Bytes bytes = file_bytes(scitt / "scitt-cose-v1" / name / "statement.cose");
    CHECK(Statement::parse(bytes, kStatementMax, StatementProfile::kForeign));
    const auto refused = Statement::parse(bytes, kStatementMax);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().fault == (name == "valid-ccf-vds2"
                                        ? StatementFault::kMalformed
                                        : StatementFault::kConfirmationMissing));
    ++checked;
  }
  std::cout << "statement vectors checked: " << checked << "\n";
}
