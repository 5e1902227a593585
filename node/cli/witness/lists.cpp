// witan witness pull-logs and lint: the witness network's lists of logs.

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "config/file.h"
#include "config/limits.h"
#include "node/cli/cli.h"
#include "node/cli/printable.h"
#include "node/cli/witness/verbs.h"
#include "node/http/client.h"
#include "witness/log_list.h"

namespace witan::cli {
namespace {

struct PullArguments {
  std::string dir, ca_file;
  std::vector<std::string> sources;
  bool json = false;
};

struct LintArguments {
  std::string file;
};

Result<std::string> download(const std::string& url, const std::string& ca_file) {
  // The client takes the part up to the last '/' and the rest by themselves.
  const std::size_t host = url.find("//") + 2;
  const std::size_t slash = url.substr(0, url.find('?')).rfind('/');
  const std::string base = slash > host ? url.substr(0, slash) : url;
  const std::string target = slash > host ? url.substr(slash) : "/";
  http::ClientOptions options;
  options.body_bytes_max = limits::kLogListBytesMax;
  if (!ca_file.empty()) options.ca_file = ca_file;
  WITAN_ASSIGN(const auto client, http::Client::make(base, options));
  WITAN_ASSIGN(const auto response, client->get(target));
  if (response.status != 200) {
    return fail(ErrorCode::kUnavailable,
                "expected HTTP status 200, found " + std::to_string(response.status) +
                    (response.status / 100 == 3 ? " (redirections are not followed: give the "
                                                  "address it leads to)"
                                                : ""));
  }
  return std::string(as_text(response.body));
}

Result<LogList> read_list(const std::string& source, const std::string& ca_file) {
  const bool is_url = source.starts_with("https://") || source.starts_with("http://");
  auto text = is_url ? download(source, ca_file) : read_text_file(source, limits::kLogListBytesMax);
  if (!text) return fail(is_url ? text.error().within(source) : text.error());
  auto list = LogList::parse(*text);
  if (!list) return fail(list.error().within(source));
  return list;
}

void warn(const std::string& source, const std::vector<std::string>& warnings) {
  constexpr std::size_t kShownMax = 20;
  for (std::size_t i = 0; i < std::min(warnings.size(), kShownMax); ++i) {
    std::fprintf(stderr, "witan witness pull-logs: warning: %s: %s\n", source.c_str(),
                 printable(warnings[i]).c_str());
  }
  if (warnings.size() > kShownMax) {
    std::fprintf(stderr, "witan witness pull-logs: warning: %s: %zu more like these\n",
                 source.c_str(), warnings.size() - kShownMax);
  }
}

Result<void> run_pull(const PullArguments& options) {
  WITAN_ASSIGN(const WitnessFolder folder, open_witness_folder(options.dir));
  std::size_t added = 0, listed = 0, warnings = 0;
  for (const std::string& source : options.sources) {
    WITAN_ASSIGN(const LogList list, read_list(source, options.ca_file));
    auto outcome = folder.store->merge(list, folder.config.name);
    if (!outcome) return fail(outcome.error().within(source));
    warn(source, list.warnings);
    warn(source, outcome->warnings);
    warnings += list.warnings.size() + outcome->warnings.size();
    added += outcome->added.size();
    listed += list.logs.size();
  }
  print_facts({{"listed", std::to_string(listed)},
               {"added", std::to_string(added)},
               {"warnings", std::to_string(warnings)}},
              options.json);
  return {};
}

Result<void> run_lint(const LintArguments& options) {
  WITAN_ASSIGN(const std::string text, read_text_file(options.file, limits::kLogListBytesMax));
  const auto lenient = LogList::parse(text);
  if (!lenient) return fail(lenient.error().within(options.file));
  for (const std::string& warning : lenient->warnings) {
    std::fprintf(stderr, "%s: %s\n", options.file.c_str(), printable(warning).c_str());
  }
  const auto strict = LogList::parse(text, true);
  if (!strict) {
    return fail(ErrorCode::kMalformed,
                options.file + ": a strict reader refuses it: " + strict.error().message);
  }
  std::printf("%s: %zu log%s, nothing to complain about\n", options.file.c_str(),
              strict->logs.size(), strict->logs.size() == 1 ? "" : "s");
  return {};
}

}  // namespace

void add_witness_lists(Verb& witness) {
  auto pull = std::make_shared<PullArguments>();
  Verb& pull_verb =
      witness.verb("pull-logs", "Add the logs of lists (logs/v0); none is removed or changed");
  pull_verb.footer("Example: witan witness pull-logs --dir ./witness https://example.org/logs.1");
  pull_verb.option("--dir", pull->dir, "The witness's folder").required();
  pull_verb.option("sources", pull->sources, "Files or http(s) URLs of lists").required();
  pull_verb.option("--ca", pull->ca_file,
                   "CA certificates (PEM) to trust for https, besides the system's");
  pull_verb.flag("--json", pull->json, "Print JSON");
  pull_verb.runs([pull] {
    const auto result = run_pull(*pull);
    return result ? kExitDone : report("witness pull-logs", result.error());
  });

  auto lint = std::make_shared<LintArguments>();
  Verb& lint_verb = witness.verb("lint", "Check a list of logs (logs/v0) strictly");
  lint_verb.footer("Example: witan witness lint logs.txt");
  lint_verb.option("file", lint->file, "The list").required();
  lint_verb.runs([lint] {
    const auto result = run_lint(*lint);
    return result ? kExitDone : report("witness lint", result.error());
  });
}

}  // namespace witan::cli
