// witan status: what a node says of itself.

#include <cstdio>
#include <filesystem>
#include <memory>

#include <nlohmann/json.hpp>

#include "config/file.h"
#include "config/limits.h"
#include "config/node_config.h"
#include "node/cli/cli.h"
#include "node/cli/options.h"
#include "node/cli/printable.h"
#include "node/http/client.h"

namespace witan::cli {
namespace {

struct StatusArguments {
  std::string node, dir, ca_file;
  bool json = false;
};

// The URL of the node that runs in a folder, from its configuration.
Result<std::string> url_of(const std::string& dir) {
  const NodePaths paths{dir};
  const std::string running = (paths.dir / "address").string();
  if (std::filesystem::exists(running)) {
    WITAN_ASSIGN(std::string url, read_text_file(running, 4096));
    while (!url.empty() && url.back() == '\n') url.pop_back();
    return url;
  }
  return fail(ErrorCode::kUnavailable,
              dir + ": no node is running there (there is no file 'address')");
}

Result<void> run_status(const StatusArguments& options) {
  std::string url = options.node;
  if (url.empty()) {
    WITAN_ASSIGN(url, url_of(options.dir));
  }
  http::ClientOptions client_options;
  if (!options.ca_file.empty()) client_options.ca_file = options.ca_file;
  WITAN_ASSIGN(const auto client, http::Client::make(url, client_options));
  WITAN_ASSIGN(const auto response, client->get("/status"));
  if (response.status != 200) {
    return fail(ErrorCode::kUnavailable,
                url + "/status answered HTTP status " + std::to_string(response.status));
  }
  const auto status = nlohmann::ordered_json::parse(response.body, nullptr, false);
  if (!status.is_object()) return fail(ErrorCode::kMalformed, url + "/status is not a JSON object");
  if (options.json) {
    std::printf("%s\n", status.dump(2).c_str());
    return {};
  }
  for (const auto& [key, value] : status.items()) {
    const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    std::printf("%-22s %s\n", printable(key).c_str(), printable(text).c_str());
  }
  return {};
}

}  // namespace

void add_status(Verb& top) {
  auto options = std::make_shared<StatusArguments>();
  Verb& verb = top.verb("status", "Show what a running node says of itself");
  verb.footer("Example: witan status --dir ./log");
  Option node = verb.option("--node", options->node, "URL of the node");
  Option dir = verb.option("--dir", options->dir, "Folder of a node on this machine");
  node.excludes(dir);
  verb.option("--ca", options->ca_file,
              "CA certificates (PEM) to trust for https, besides the system's");
  verb.flag("--json", options->json, "Print JSON");
  verb.needs("--node or --dir",
             [options] { return !options->node.empty() || !options->dir.empty(); });
  verb.runs([options] {
    const auto result = run_status(*options);
    return result ? kExitDone : report("status", result.error());
  });
}

}  // namespace witan::cli
