#include "node/answering.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace witan {

namespace {
constexpr std::size_t kAnswersPerJob = 64;
}

void answer_on(Workers& workers, std::vector<DueAnswer> due) {
  for (std::size_t at = 0; at < due.size(); at += kAnswersPerJob) {
    auto part = std::make_shared<std::vector<DueAnswer>>();
    const std::size_t end = std::min(due.size(), at + kAnswersPerJob);
    part->reserve(end - at);
    for (std::size_t i = at; i < end; ++i) part->push_back(std::move(due[i]));
    const auto work = [part] {
      for (DueAnswer& answer : *part) answer.done(std::move(answer.result));
    };
    if (!workers.submit(work)) work();
  }
}

}  // namespace witan
