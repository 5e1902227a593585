#include "tests/support/load.h"

#include <utility>

#include "node/http/client.h"
#include "tests/support/wait.h"

namespace witan::test {

Load::Load(const std::string& url, const Issuer& issuer, const std::string& prefix,
           unsigned threads) {
  for (unsigned i = 0; i < threads; ++i) {
    threads_.emplace_back([this, url, &issuer, name = prefix + "/" + std::to_string(i)] {
      run(url, issuer, name);
      ++ended_;
    });
  }
}

void Load::run(const std::string& url, const Issuer& issuer, const std::string& prefix) {
  http::ClientOptions options;
  options.deadline = kPatience;
  const auto client = http::Client::make(url, options);
  for (unsigned i = 0; client && !stopping_; ++i) {
    const Bytes statement = issuer.statement(prefix + "/" + std::to_string(i));
    auto response = (*client)->post("/entries", statement, "application/cose");
    if (!response) return;
    if (response->status == 201) {
      const std::lock_guard lock(mutex_);
      acknowledged_.emplace(id_of(statement), std::move(response->body));
      ++count_;
    } else if (response->status != 202 && response->status != 429 && response->status != 503) {
      const std::lock_guard lock(mutex_);
      surprises_.push_back(std::to_string(response->status) + " " +
                           std::string(as_text(response->body)));
    }
  }
}

void Load::stop() {
  stopping_ = true;
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

bool Load::wait_for(std::size_t count) {
  const auto done = [&] { return count_ >= count || ended_ == threads_.size(); };
  return eventually(done) && count_ >= count;
}

}  // namespace witan::test
