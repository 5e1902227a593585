// witan witness init: makes a witness's folder: configuration, store, and an enclave with its key.

#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "config/file.h"
#include "config/limits.h"
#include "enclave/client.h"
#include "ledger/crypto/ml_dsa.h"
#include "ledger/crypto/secret.h"
#include "ledger/format/note.h"
#include "ledger/store/folder_lock.h"
#include "node/cli/cli.h"
#include "node/cli/witness/verbs.h"
#include "node/http/url.h"
#include "node/witness/bastion_key.h"

namespace witan::cli {
namespace {

namespace fs = std::filesystem;

struct WitnessInitArguments {
  std::string name, dir, listen = WitnessConfig().listen, url;
  std::vector<std::string> bastions;
  bool ed25519_only = false;
  bool json = false;
};

// Everything, in a folder that becomes the witness's at the end; gives its vkeys, a line each.
Result<std::string> fill_witness(const WitnessPaths& paths, const WitnessConfig& config,
                                 bool ml_dsa) {
  WITAN_TRY(write_file_atomic(paths.config().string(), config.encode(), 0644));
  WITAN_ASSIGN(const auto store, WitnessStore::open(paths.data()));
  WITAN_ASSIGN(const auto signer, EnclaveProcess::start(default_enclave_binary(), paths.enclave()));
  WITAN_ASSIGN(const CosignerState state, signer->init_cosigner(config.name, ml_dsa));
  std::string lines;
  for (const VerifierKey& key : state.keys) lines += key.text() + "\n";
  WITAN_TRY(write_file_atomic(paths.vkey().string(), lines, 0644));
  WITAN_ASSIGN(BastionKey bastion_key, BastionKey::open_or_make(paths.bastion_key()));
  wipe(bastion_key.pem);
  return lines;
}

// What the witness would only refuse when it runs, or would keep for ever.
Result<WitnessConfig> witness_config(const WitnessInitArguments& options) {
  if (!valid_key_name(options.name) || options.name.find("://") != std::string::npos) {
    return fail(ErrorCode::kUsage, "--name '" + options.name +
                                       "': expected a name such as example.com/witness, without a "
                                       "scheme, spaces or '+', of at most 255 characters");
  }
  if (options.listen == WitnessConfig::kNoListen) {
    if (options.bastions.empty()) {
      return fail(ErrorCode::kUsage, "--listen none: needs --bastion, or nothing could reach it");
    }
  } else if (const auto listen = http::parse_listen(options.listen); !listen) {
    return fail(ErrorCode::kUsage, "--listen: " + listen.error().message);
  }
  WitnessConfig config;
  config.name = options.name;
  config.listen = options.listen;
  if (!options.url.empty()) {
    const auto url = http::parse_url(options.url);
    if (!url) return fail(ErrorCode::kUsage, "--url: " + url.error().message);
    config.url = options.url;
  }
  for (const std::string& url : options.bastions) {
    const auto bastion = http::parse_url(url);
    if (!bastion || !bastion->https) {
      return fail(ErrorCode::kUsage, "--bastion '" + url + "': expected https://host[:port]");
    }
    config.bastions.emplace_back().url = url;
  }
  // What cannot be read again must not be kept.
  WITAN_TRY(WitnessConfig::parse(config.encode(), "witness.toml"));
  return config;
}

Result<void> check_free(const fs::path& dir) {
  std::error_code error;
  if (!fs::exists(dir, error)) return {};
  if (!fs::is_directory(dir, error)) {
    return fail(ErrorCode::kUsage,
                dir.string() + ": found a file, expected no such name or a folder");
  }
  if (fs::is_empty(dir, error)) return {};
  return fail(ErrorCode::kUsage,
              dir.string() + ": exists and is not empty; init makes a new folder");
}

// Made beside the target and renamed into place, so that there is a whole witness or none.
Result<std::string> make_witness(const std::string& target, const WitnessConfig& config,
                                 bool ml_dsa) {
  fs::path dir = fs::absolute(target).lexically_normal();
  if (!dir.has_filename()) dir = dir.parent_path();
  const WitnessPaths making{dir.parent_path() / ("." + dir.filename().string() + ".making")};
  std::error_code error;
  fs::remove_all(making.dir, error);
  fs::create_directories(making.dir, error);
  if (error) return fail(ErrorCode::kIo, making.dir.string() + ": cannot make: " + error.message());
  fs::permissions(making.dir, fs::perms::owner_all, error);
  auto lines = fill_witness(making, config, ml_dsa);
  if (lines) {
    fs::rename(making.dir, dir, error);
    if (error) {
      lines = fail(ErrorCode::kIo, dir.string() + ": cannot rename into place: " + error.message());
    }
  }
  // Its name too has to outlast a power loss: whoever reads that it was made may rely on it.
  if (lines) WITAN_TRY(sync_folder(dir.parent_path()));
  if (!lines) fs::remove_all(making.dir, error);
  return lines;
}

Result<void> run_witness_init(const WitnessInitArguments& options) {
  WITAN_TRY(check_free(options.dir));
  WITAN_ASSIGN(const WitnessConfig config, witness_config(options));
  const bool ml_dsa = ml_dsa_available() && !options.ed25519_only;
  WITAN_ASSIGN(std::string lines, make_witness(options.dir, config, ml_dsa));
  while (!lines.empty() && lines.back() == '\n') lines.pop_back();
  const WitnessPaths made{options.dir};
  WITAN_ASSIGN(BastionKey bastion_key, BastionKey::open_or_make(made.bastion_key()));
  wipe(bastion_key.pem);
  print_facts({{"folder", options.dir},
               {"configuration", made.config().string()},
               {"name", config.name},
               {"vkey", lines},
               {"bastion_key_hash", bastion_key.hash}},
              options.json);
  if (!options.json && !config.bastions.empty()) {
    std::printf("Give the bastion_key_hash to the operators of the bastions. Behind them it is:\n");
    for (const BastionConfig& bastion : config.bastions) {
      std::printf("  %s\n", bastion_public_url(bastion.url, bastion_key.hash).c_str());
    }
  }
  if (!options.json) {
    if (!ml_dsa && !options.ed25519_only) {
      std::printf(
          "It has an Ed25519 key only, for ever: this build has no ML-DSA-44, which OpenSSL 3.5 "
          "brings and which the witness network advises.\n");
    }
    std::printf(
        "Give the vkey to logs and to those who trust this witness. Tell it which logs it "
        "cosigns:\n"
        "  witan witness add-log --dir %s VKEY-OF-A-LOG\n"
        "Run it: witan witness run --dir %s\n",
        options.dir.c_str(), options.dir.c_str());
  }
  return {};
}

}  // namespace

Result<WitnessConfig> read_witness_config(const WitnessPaths& paths) {
  auto text = read_text_file(paths.config().string(), limits::kConfigFileBytesMax);
  if (!text && text.error().code == ErrorCode::kNotFound) {
    return fail(ErrorCode::kNotFound,
                paths.config().string() + ": no such file; `witan witness init --dir " +
                    paths.dir.string() + " --name NAME` makes a witness's folder");
  }
  if (!text) return fail(text.error());
  return WitnessConfig::parse(*text, paths.config().string());
}

Result<WitnessFolder> open_witness_folder(const std::string& dir) {
  const WitnessPaths paths{dir};
  WITAN_ASSIGN(WitnessConfig config, read_witness_config(paths));
  WITAN_ASSIGN(auto store, WitnessStore::open_existing(paths.data()));
  return WitnessFolder{paths, std::move(config), std::move(store)};
}

void add_witness_init(Verb& witness) {
  auto options = std::make_shared<WitnessInitArguments>();
  Verb& verb = witness.verb("init", "Make a witness's folder and its key");
  verb.footer("Example: witan witness init --name witness.example.com/w1 --dir ./witness");
  verb.option("--name", options->name, "The witness's name, fixed for ever").required();
  verb.option("--dir", options->dir, "The folder to make").required();
  verb.option("--listen", options->listen, "ADDRESS:PORT; none: bastions only").show_default();
  verb.option("--url", options->url, "Where the world reaches it, for witness.v0.json");
  verb.option("--bastion", options->bastions,
              "https://HOST of a bastion to be reached through; any number");
  verb.flag("--ed25519-only", options->ed25519_only,
            "Make no ML-DSA-44 key besides, where OpenSSL has it");
  verb.flag("--json", options->json, "Print JSON");
  verb.runs([options] {
    const auto result = run_witness_init(*options);
    return result ? kExitDone : report("witness init", result.error());
  });
}

}  // namespace witan::cli
