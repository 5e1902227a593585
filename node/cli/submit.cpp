// witan submit and witan receipt: register a statement, fetch its receipt.

#include <chrono>
#include <cstdio>
#include <memory>
#include <thread>

#include "config/file.h"
#include "config/limits.h"
#include "ledger/crypto/sha256.h"
#include "ledger/encoding.h"
#include "ledger/format/checkpoint.h"
#include "ledger/format/note.h"
#include "ledger/format/problem_details.h"
#include "ledger/format/receipt.h"
#include "ledger/format/statement.h"
#include "ledger/tree/proof.h"
#include "node/cli/cli.h"
#include "node/cli/files.h"
#include "node/cli/options.h"
#include "node/http/client.h"

namespace witan::cli {
namespace {

struct SubmitArguments {
  std::string node, file, out, id, token_file, ca_file;
  unsigned wait_s = 60;
  bool json = false;
};

// What the node answered instead of what was asked for.
Error refusal(const std::string& node, const http::ClientResponse& response) {
  const auto problem = decode_problem(response.body);
  if (!problem) {
    return Error{ErrorCode::kUnavailable, node + ": found HTTP status " +
                                              std::to_string(response.status) +
                                              " without problem details, expected a Witan node"};
  }
  const bool again = response.status == 429 || response.status >= 500;
  return Error{again ? ErrorCode::kOverloaded : ErrorCode::kRefused,
               "the node refused: " + problem->title + ": " + problem->detail};
}

Result<std::unique_ptr<http::Client>> client_for(const SubmitArguments& options) {
  http::ClientOptions client;
  client.deadline = std::chrono::seconds(options.wait_s);
  if (!options.ca_file.empty()) client.ca_file = options.ca_file;
  return http::Client::make(options.node, client);
}

// What gets the receipt later.
std::string receipt_command(const SubmitArguments& options, const std::string& id) {
  return "witan receipt --node " + options.node + " --id " + id + " -o " + options.out;
}

// Asks until the receipt is there or the time is over.
Result<Bytes> fetch_receipt(http::Client& client, const SubmitArguments& options,
                            const std::string& id) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(options.wait_s);
  while (true) {
    WITAN_ASSIGN(const auto response, client.get("/entries/" + id));
    if (response.status == 200) return response.body;
    if (response.status != 204) return fail(refusal(options.node, response));
    if (std::chrono::steady_clock::now() >= end) {
      return fail(ErrorCode::kTimeout, "the statement " + id +
                                           " is registered, but its receipt was not ready within " +
                                           std::to_string(options.wait_s) +
                                           " s; try again: " + receipt_command(options, id));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
}

// A receipt is kept only when its proof starts at this statement and ends at the head it carries.
// Whose head that is, `witan verify` checks: it knows the keys.
Result<Bytes> matching(Bytes bytes, const Hash32& entry) {
  auto receipt = Receipt::parse(bytes);
  if (!receipt) return fail(receipt.error().within("the node's receipt"));
  if (receipt->inclusion.empty()) {
    return fail(ErrorCode::kMalformed, "the node's receipt has no inclusion proof");
  }
  const InclusionProof& proof = receipt->inclusion.front();
  WITAN_ASSIGN(const Hash32 root,
               root_from_inclusion(proof.index, proof.size, leaf_hash(entry), proof.path));
  if (!receipt->checkpoint) return bytes;
  WITAN_ASSIGN(const Note note, Note::parse(*receipt->checkpoint));
  WITAN_ASSIGN(const Checkpoint checkpoint, Checkpoint::parse(note.text));
  if (checkpoint.size != proof.size || checkpoint.root != root) {
    return fail(ErrorCode::kBadProof,
                "the node's receipt does not prove this statement: its proof leads to another root "
                "than its checkpoint has");
  }
  return bytes;
}

Result<void> run_submit(const SubmitArguments& options) {
  WITAN_ASSIGN(const Bytes bytes, read_bytes(options.file, limits::kStatementBytesMax));
  auto statement = Statement::parse(bytes, limits::kStatementBytesMax);
  if (!statement) return fail(statement.error().within(options.file));
  const std::string id = hex_encode(statement->entry());
  std::vector<std::pair<std::string, std::string>> headers;
  if (!options.token_file.empty()) {
    WITAN_ASSIGN(std::string token, read_secret_file(options.token_file, 4096));
    while (!token.empty() && (token.back() == '\n' || token.back() == ' ')) token.pop_back();
    headers.emplace_back("Authorization", "Bearer " + token);
  }
  WITAN_ASSIGN(const auto client, client_for(options));
  const auto response = client->post("/entries", bytes, "application/cose", headers);
  if (!response && response.error().code == ErrorCode::kTimeout) {
    return fail(ErrorCode::kTimeout, response.error().message +
                                         "; the statement may be registered all the same: " +
                                         receipt_command(options, id));
  }
  if (!response) return fail(response.error());
  Bytes receipt;
  if (response->status == 201) {
    receipt = response->body;
  } else if (response->status == 202) {
    WITAN_ASSIGN(receipt, fetch_receipt(*client, options, id));
  } else {
    return fail(refusal(options.node, *response));
  }
  WITAN_ASSIGN(receipt, matching(std::move(receipt), statement->entry()));
  WITAN_TRY(write_file_atomic(options.out, as_text(receipt), 0644));
  print_facts({{"registered", id}, {"receipt", options.out}}, options.json);
  return {};
}

Result<void> run_receipt(const SubmitArguments& options) {
  std::string id = options.id;
  if (id.empty()) {
    WITAN_ASSIGN(const Bytes bytes, read_bytes(options.file, limits::kStatementBytesMax));
    auto statement = Statement::parse(bytes, limits::kStatementBytesMax);
    if (!statement) return fail(statement.error().within(options.file));
    id = hex_encode(statement->entry());
  }
  WITAN_ASSIGN(const auto client, client_for(options));
  WITAN_ASSIGN(const Bytes receipt, fetch_receipt(*client, options, id));
  WITAN_TRY(write_file_atomic(options.out, as_text(receipt), 0644));
  print_facts({{"id", id}, {"receipt", options.out}}, options.json);
  return {};
}

void add_node_options(Verb& verb, SubmitArguments& options) {
  verb.option("--node", options.node, "URL of a node").required();
  verb.option("--ca", options.ca_file,
              "CA certificates (PEM) to trust for https, besides the system's");
  verb.flag("--json", options.json, "Print JSON");
  verb.option("--wait", options.wait_s, "Seconds to wait for the receipt").show_default();
  verb.option("-o,--out", options.out, "Where to write the receipt").required();
}

}  // namespace

void add_submit(Verb& top) {
  auto options = std::make_shared<SubmitArguments>();
  Verb& verb = top.verb("submit", "Register a statement and keep its receipt");
  verb.footer("Example: witan submit --node http://127.0.0.1:8080 app.statement -o app.receipt");
  verb.option("file", options->file, "The signed statement").required();
  verb.option("--token-file", options->token_file, "File with the bearer token, mode 0600");
  add_node_options(verb, *options);
  verb.runs([options] {
    const auto result = run_submit(*options);
    return result ? kExitDone : report("submit", result.error());
  });
}

void add_receipt(Verb& top) {
  auto options = std::make_shared<SubmitArguments>();
  Verb& verb = top.verb("receipt", "Fetch the receipt of a registered statement");
  verb.footer("Example: witan receipt --node http://127.0.0.1:8080 app.statement -o app.receipt");
  Option file = verb.option("file", options->file, "The signed statement");
  Option id = verb.option("--id", options->id,
                          "The statement's id (64 hex characters) instead of the file");
  file.excludes(id);
  add_node_options(verb, *options);
  verb.needs("a statement file or --id",
             [options] { return !options->file.empty() || !options->id.empty(); });
  verb.runs([options] {
    const auto result = run_receipt(*options);
    return result ? kExitDone : report("receipt", result.error());
  });
}

}  // namespace witan::cli
