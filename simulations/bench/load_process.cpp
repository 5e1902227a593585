// The generator as a process: its requests go in by a file, its result comes out as JSON.

#include <cstring>
#include <fstream>

#include <nlohmann/json.hpp>

#include "ledger/encoding.h"
#include "node/cli/child.h"
#include "simulations/bench/load.h"

namespace witan::bench {
namespace {

constexpr std::size_t kFlushBytes = std::size_t{4} << 20;

}  // namespace

Result<RequestFile> RequestFile::create(const std::string& path) {
  std::ofstream stream(path, std::ios::binary | std::ios::trunc);
  if (!stream) return fail(ErrorCode::kIo, path + ": cannot create");
  return RequestFile(path);
}

void RequestFile::add(std::string_view request) {
  add(request, {});
}

void RequestFile::add(std::string_view head, BytesView body) {
  const auto length = static_cast<std::uint32_t>(head.size() + body.size());
  pending_.append(reinterpret_cast<const char*>(&length), sizeof length);
  pending_.append(head);
  pending_.append(as_text(body));
  if (pending_.size() >= kFlushBytes && !flush()) failed_ = true;
}

Result<void> RequestFile::flush() {
  std::ofstream stream(path_, std::ios::binary | std::ios::app);
  stream.write(pending_.data(), static_cast<std::streamsize>(pending_.size()));
  stream.flush();
  pending_.clear();
  if (!stream) return fail(ErrorCode::kIo, path_ + ": cannot write");
  return {};
}

Result<void> RequestFile::finish() {
  WITAN_TRY(flush());
  if (failed_) return fail(ErrorCode::kIo, path_ + ": cannot write");
  return {};
}

Result<void> write_register_requests(const std::string& path,
                                     const std::vector<Bytes>& statements) {
  WITAN_ASSIGN(auto file, RequestFile::create(path));
  for (const Bytes& statement : statements) {
    file.add(
        "POST /entries HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/cose\r\n"
        "Content-Length: " +
            std::to_string(statement.size()) + "\r\n\r\n",
        statement);
  }
  return file.finish();
}

std::uint64_t LoadResult::count(unsigned status) const {
  const auto found = statuses.find(status);
  return found == statuses.end() ? 0 : found->second;
}

double LoadResult::rate(unsigned status) const {
  return seconds > 0 ? static_cast<double>(count(status)) / seconds : 0;
}

std::string to_json(const LoadResult& result) {
  nlohmann::json out = {{"seconds", result.seconds},
                        {"body_bytes", result.body_bytes},
                        {"p50_ms", result.p50_ms},
                        {"p99_ms", result.p99_ms},
                        {"max_ms", result.max_ms},
                        {"cpu_seconds", result.cpu_seconds},
                        {"statuses", nlohmann::json::object()},
                        {"samples", nlohmann::json::array()}};
  for (const auto& [status, count] : result.statuses) {
    out["statuses"][std::to_string(status)] = count;
  }
  for (const Sample& sample : result.samples) {
    out["samples"].push_back({{"request", sample.request},
                              {"status", sample.status},
                              {"body", base64_encode(sample.body)}});
  }
  return out.dump();
}

Result<LoadResult> run_load(const LoadOptions& options) {
  std::vector<std::string> command = {this_program(),   "load",
                                      "--port",         std::to_string(options.port),
                                      "--connections",  std::to_string(options.connections),
                                      "--requests",     options.requests_file,
                                      "--milliseconds", std::to_string(options.duration.count()),
                                      "--samples",      std::to_string(options.samples)};
  if (options.repeat) command.emplace_back("--repeat");
  WITAN_ASSIGN(const ChildResult child, run_child(command));
  if (child.exit_code != 0) {
    return fail(ErrorCode::kUnavailable, "the load generator failed: " + child.err);
  }
  const auto json = nlohmann::json::parse(child.out);
  LoadResult out;
  out.seconds = json.at("seconds");
  out.body_bytes = json.at("body_bytes");
  out.p50_ms = json.at("p50_ms");
  out.p99_ms = json.at("p99_ms");
  out.max_ms = json.at("max_ms");
  out.cpu_seconds = json.at("cpu_seconds");
  for (const auto& [status, count] : json.at("statuses").items()) {
    out.statuses[static_cast<unsigned>(std::stoul(status))] = count;
  }
  for (const auto& sample : json.at("samples")) {
    WITAN_ASSIGN(Bytes body, base64_decode(sample.at("body").get<std::string>()));
    out.samples.push_back({sample.at("request"), sample.at("status"), std::move(body)});
  }
  return out;
}

}  // namespace witan::bench
