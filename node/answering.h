#pragma once

#include <vector>

#include "node/waiters.h"
#include "node/workers.h"

namespace witan {

// Gives the answers, whose making of receipts takes time, on the workers; here when they are too
// busy to take more.
void answer_on(Workers& workers, std::vector<DueAnswer> due);

}  // namespace witan
