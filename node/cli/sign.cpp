// witan sign: a signed statement about any file.

#include <chrono>
#include <cstdio>
#include <memory>

#include "config/file.h"
#include "config/limits.h"
#include "ledger/crypto/file_digest.h"
#include "ledger/crypto/private_key.h"
#include "ledger/crypto/secret.h"
#include "ledger/crypto/x509.h"
#include "ledger/encoding.h"
#include "ledger/format/statement.h"
#include "ledger/ports/clock.h"
#include "node/cli/cli.h"
#include "node/cli/files.h"
#include "node/cli/options.h"

namespace witan::cli {
namespace {

struct SignArguments {
  std::string key, issuer, subject, file, out, x5chain, content_type, location;
  bool hash_envelope = false;
  bool no_time = false;
  bool json = false;
};

Result<StatementRequest> request_from(const SignArguments& options) {
  StatementRequest request;
  request.issuer = options.issuer;
  request.subject = options.subject;
  if (!options.no_time) {
    request.issued_at_s = static_cast<std::int64_t>(system_clock().unix_ms() / 1000);
  }
  if (!options.x5chain.empty()) {
    WITAN_ASSIGN(const std::string pem, read_text_file(options.x5chain, limits::kPemFileBytesMax));
    const auto chain = Certificate::from_pem(pem);
    if (!chain) return fail(chain.error().within(options.x5chain));
    for (const Certificate& certificate : *chain)
      request.x5chain.push_back(to_bytes(certificate.der()));
  }
  if (options.hash_envelope) {
    HashEnvelope envelope;
    if (!options.content_type.empty()) envelope.preimage_content_type = options.content_type;
    if (!options.location.empty()) envelope.location = options.location;
    request.hash_envelope = envelope;
    WITAN_ASSIGN(request.payload, file_digest(options.file, envelope.hash_algorithm));
    return request;
  }
  if (!options.location.empty()) {
    return fail(ErrorCode::kUsage,
                "--location says where the hashed file is: it needs --hash-envelope");
  }
  request.content_type =
      options.content_type.empty() ? "application/octet-stream" : options.content_type;
  auto content = read_text_file(options.file, limits::kStatementBytesMax);
  if (!content && content.error().code == ErrorCode::kTooLarge) {
    return fail(ErrorCode::kTooLarge,
                content.error().message + "; with --hash-envelope only its SHA-256 is signed");
  }
  if (!content) return fail(content.error());
  request.payload = to_bytes(as_bytes(*content));
  return request;
}

Result<void> run_sign(const SignArguments& options) {
  WITAN_ASSIGN(const StatementRequest request, request_from(options));
  WITAN_ASSIGN(const PrivateKey key, read_private_key(options.key));
  WITAN_ASSIGN(const Bytes bytes, make_statement(request, key));
  WITAN_ASSIGN(const Statement statement, Statement::parse(bytes, bytes.size()));
  WITAN_TRY(write_file_atomic(options.out, as_text(bytes), 0644));
  print_facts({{"statement", options.out}, {"id", hex_encode(statement.entry())}}, options.json);
  return {};
}

}  // namespace

void add_sign(Verb& top) {
  auto options = std::make_shared<SignArguments>();
  Verb& verb = top.verb("sign", "Sign a statement about a file");
  verb.footer(
      "Example: witan sign --key ci.pem --issuer https://example.com/ci --subject app-1.2 \\\n"
      "           --hash-envelope app.tar.gz -o app.statement");
  verb.option("--key", options->key, "Private key (PEM, mode 0600)").required();
  verb.option("--issuer", options->issuer, "Who states it: a URI, or a did:x509").required();
  verb.option("--subject", options->subject, "What it is about").required();
  verb.option("--x5chain", options->x5chain,
              "Certificate chain (PEM, leaf first) to put into the statement");
  verb.flag("--hash-envelope", options->hash_envelope,
            "Sign the file's SHA-256 instead of its content");
  verb.option("--content-type", options->content_type, "Media type of the file");
  verb.option("--location", options->location, "Where the hashed file can be had (a URI)");
  verb.flag("--no-time", options->no_time, "Leave out the time of signing");
  verb.option("file", options->file, "The file").required();
  verb.option("-o,--out", options->out, "Where to write the statement").required();
  verb.flag("--json", options->json, "Print JSON");
  verb.runs([options] {
    const auto result = run_sign(*options);
    return result ? kExitDone : report("sign", result.error());
  });
}

}  // namespace witan::cli
