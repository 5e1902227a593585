#include "node/cli/demo_burst.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "ledger/encoding.h"
#include "ledger/format/statement.h"
#include "node/cli/files.h"
#include "node/http/client.h"

namespace witan::cli {
namespace {

constexpr unsigned kThreads = 8;
constexpr unsigned kPerThreadMax = 20'000;
constexpr std::size_t kKillAfter = 500;

// What the threads of one burst share.
struct Shared {
  std::mutex mutex;
  std::condition_variable enough;
  BurstResult result;  // under mutex
  unsigned ended = 0;  // under mutex
};

void send_statements(const Burst& burst, const PrivateKey& key, unsigned thread, Shared& shared) {
  const auto client = http::Client::make(burst.url);
  for (unsigned i = 0; client && i < kPerThreadMax; ++i) {
    StatementRequest request;
    request.issuer = burst.issuer;
    request.subject = "burst";
    request.content_type = "text/plain";
    request.payload = to_bytes(as_bytes(std::to_string(thread) + "/" + std::to_string(i)));
    const auto bytes = make_statement(request, key);
    if (!bytes) break;
    const auto response = (*client)->post("/entries", *bytes, "application/cose");
    if (!response) break;
    if (response->status != 201) continue;
    const auto statement = Statement::parse(*bytes, bytes->size());
    if (!statement) break;
    const std::lock_guard lock(shared.mutex);
    shared.result.ids.push_back(hex_encode(statement->entry()));
    if (shared.result.ids.size() >= kKillAfter) shared.enough.notify_one();
  }
  const std::lock_guard lock(shared.mutex);
  ++shared.ended;
  shared.enough.notify_one();
}

}  // namespace

Result<BurstResult> Burst::run(const std::function<void()>& in_the_middle) const {
  WITAN_ASSIGN(const PrivateKey key, read_private_key(key_file));
  Shared shared;
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kThreads; ++i) {
    threads.emplace_back([this, &key, &shared, i] { send_statements(*this, key, i, shared); });
  }
  {
    std::unique_lock lock(shared.mutex);
    shared.enough.wait(
        lock, [&] { return shared.result.ids.size() >= kKillAfter || shared.ended == kThreads; });
  }
  in_the_middle();
  for (std::thread& thread : threads) thread.join();
  return std::move(shared.result);
}

Result<std::size_t> Burst::count_registered(const std::string& node_url,
                                            const BurstResult& burst) const {
  WITAN_ASSIGN(const auto client, http::Client::make(node_url));
  std::size_t found = 0;
  for (const std::string& id : burst.ids) {
    WITAN_ASSIGN(const auto response, client->get("/entries/" + id));
    if (response.status == 200) ++found;
  }
  return found;
}

}  // namespace witan::cli
