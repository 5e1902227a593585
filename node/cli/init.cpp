// witan init: makes a node's folder: configuration, operator's key, enclave with the log's keys,
// and a log that holds its policy and its keys.

#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>

#include "config/file.h"
#include "config/limits.h"
#include "config/node_config.h"
#include "config/registration_policy.h"
#include "enclave/client.h"
#include "ledger/crypto/private_key.h"
#include "ledger/crypto/secret.h"
#include "ledger/format/note.h"
#include "ledger/ports/clock.h"
#include "ledger/registration/policy.h"
#include "ledger/store/folder_lock.h"
#include "ledger/store/lmdb_store.h"
#include "node/cli/cli.h"
#include "node/cli/files.h"
#include "node/cli/options.h"
#include "node/genesis.h"
#include "node/http/url.h"

namespace witan::cli {
namespace {

namespace fs = std::filesystem;

struct InitArguments {
  std::string dir, origin, service_issuer, listen = "127.0.0.1:8080", policy;
  std::vector<std::string> issuers;  // URI=KEY.pem
  bool json = false;
};

// The rule for one --issuer URI=KEY.pem.
Result<IssuerRule> issuer_rule(const std::string& option) {
  const std::size_t equals = option.rfind('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == option.size()) {
    return fail(ErrorCode::kUsage, "--issuer '" + option + "': expected URI=KEY.pem");
  }
  WITAN_ASSIGN(const PublicKey key, read_public_key(option.substr(equals + 1)));
  IssuerRule rule;
  rule.name = option.substr(0, equals);
  rule.keys.push_back(key.pem());
  return rule;
}

Result<std::string> policy_text(const InitArguments& options, const PublicKey& operator_key) {
  RegistrationPolicyConfig policy;
  if (!options.policy.empty()) {
    WITAN_ASSIGN(const std::string text,
                 read_text_file(options.policy, limits::kConfigFileBytesMax));
    WITAN_ASSIGN(policy, parse_registration_policy(text, options.policy));
  }
  policy.admin_keys.push_back(operator_key.pem());
  for (const std::string& option : options.issuers) {
    WITAN_ASSIGN(IssuerRule rule, issuer_rule(option));
    policy.issuers.push_back(std::move(rule));
  }
  if (const auto compiled = RegistrationPolicy::compile(policy); !compiled) {
    const std::string where = options.policy.empty() ? "--issuer" : options.policy;
    return fail(ErrorCode::kUsage, where + ": " + compiled.error().message);
  }
  return encode(policy);
}

// Everything, in a folder that becomes the node's at the end.
Result<std::string> fill(const NodePaths& paths, const NodeConfig& config,
                         const InitArguments& options) {
  WITAN_ASSIGN(const PrivateKey operator_key, PrivateKey::generate(KeyKind::kEd25519));
  std::string pem = operator_key.to_pem();
  auto created = create_secret_file(paths.operator_key().string(), pem);
  wipe(pem);
  WITAN_TRY(std::move(created));
  WITAN_ASSIGN(const std::string policy, policy_text(options, operator_key.public_key()));
  WITAN_TRY(write_file_atomic(paths.config().string(), config.encode(), 0644));
  WITAN_TRY(write_file_atomic(paths.policy().string(), policy, 0644));

  WITAN_ASSIGN(const auto signer, EnclaveProcess::start(default_enclave_binary(), paths.enclave()));
  WITAN_ASSIGN(const SignerState log, signer->init(config.origin, config.issuer));
  WITAN_ASSIGN(const auto store, open_lmdb_store(paths.data()));
  WITAN_TRY(begin_log(*store, *signer, operator_key, Genesis{policy, system_clock().unix_ms()}));

  WITAN_ASSIGN(const VerifierKey vkey,
               VerifierKey::make(log.origin, NoteAlgorithm::kEd25519, log.note_key));
  WITAN_TRY(write_file_atomic(paths.log_key().string(), vkey.text() + "\n", 0644));
  const BytesView xy(log.cose_key);
  WITAN_ASSIGN(const PublicKey receipt_key,
               PublicKey::from_ec(KeyKind::kP256, xy.first(32), xy.subspan(32)));
  WITAN_TRY(write_file_atomic(paths.receipt_key().string(), receipt_key.pem(), 0644));
  return vkey.text();
}

// What the node would only refuse when it runs, or would keep for ever.
Result<void> check_names(const InitArguments& options) {
  if (!valid_key_name(options.origin) || options.origin.find("://") != std::string::npos) {
    return fail(ErrorCode::kUsage, "--origin '" + options.origin +
                                       "': expected a name such as example.com/log, without a "
                                       "scheme, spaces or '+', of at most 255 characters");
  }
  const std::string& issuer = options.service_issuer;
  if (issuer.find(':') == std::string::npos && !issuer.empty()) {
    return fail(ErrorCode::kUsage, "--service-issuer '" + issuer +
                                       "': expected a URI such as https://example.com/log");
  }
  const auto listen = http::parse_listen(options.listen);
  if (!listen) return fail(ErrorCode::kUsage, "--listen: " + listen.error().message);
  return {};
}

Result<void> run_init(const InitArguments& options) {
  const NodePaths paths{options.dir};
  std::error_code error;
  if (fs::exists(paths.dir) && !fs::is_directory(paths.dir)) {
    return fail(ErrorCode::kUsage,
                options.dir + ": found a file, expected no such name or a folder");
  }
  if (fs::exists(paths.dir) && !fs::is_empty(paths.dir, error)) {
    return fail(ErrorCode::kUsage,
                options.dir + ": exists and is not empty; init makes a new folder");
  }
  WITAN_TRY(check_names(options));
  NodeConfig config;
  config.origin = options.origin;
  config.issuer =
      options.service_issuer.empty() ? "https://" + options.origin : options.service_issuer;
  config.listen = options.listen;

  // Made beside the target and renamed into place, so that there is a whole node or none.
  fs::path dir = fs::absolute(paths.dir).lexically_normal();
  if (!dir.has_filename()) dir = dir.parent_path();
  const NodePaths making{dir.parent_path() / ("." + dir.filename().string() + ".making")};
  fs::remove_all(making.dir, error);
  fs::create_directories(making.dir, error);
  if (error) return fail(ErrorCode::kIo, making.dir.string() + ": cannot make: " + error.message());
  fs::permissions(making.dir, fs::perms::owner_all, error);
  auto vkey = fill(making, config, options);
  if (vkey) {
    fs::rename(making.dir, dir, error);
    if (error)
      vkey = fail(ErrorCode::kIo, dir.string() + ": cannot rename into place: " + error.message());
  }
  // Its name too has to outlast a power loss: whoever reads that it was made may rely on it.
  if (vkey) WITAN_TRY(sync_folder(dir.parent_path()));
  if (!vkey) {
    fs::remove_all(making.dir, error);
    return fail(vkey.error());
  }
  const NodePaths made{options.dir};
  print_facts({{"folder", options.dir},
               {"configuration", made.config().string()},
               {"policy", made.policy().string()},
               {"operator_key", made.operator_key().string()},
               {"log_key", *vkey},
               {"receipt_key", made.receipt_key().string()}},
              options.json);
  if (!options.json) {
    std::printf(
        "The operator's key signs later policies: keep it, best elsewhere.\n"
        "Run it: witan node --dir %s\n",
        options.dir.c_str());
  }
  return {};
}

}  // namespace

void add_init(Verb& top) {
  auto options = std::make_shared<InitArguments>();
  Verb& verb = top.verb("init", "Make a node's folder and begin its log");
  verb.footer(
      "Example: witan init --dir ./log --origin example.com/log --issuer "
      "https://example.com/ci=ci.pem.pub");
  verb.option("--dir", options->dir, "The folder to make").required();
  verb.option("--origin", options->origin, "The log's name, fixed for ever").required();
  verb.option("--issuer", options->issuers,
              "URI=KEY.pem: an issuer whose statements may be registered; repeatable");
  verb.option(
      "--policy", options->policy,
      "A registration policy (TOML) to begin with; the operator's key and --issuer are added");
  verb.option("--service-issuer", options->service_issuer,
              "The issuer that receipts name; default https://ORIGIN");
  verb.option("--listen", options->listen, "ADDRESS:PORT").show_default();
  verb.flag("--json", options->json, "Print JSON");
  verb.runs([options] {
    const auto result = run_init(*options);
    return result ? kExitDone : report("init", result.error());
  });
}

}  // namespace witan::cli
