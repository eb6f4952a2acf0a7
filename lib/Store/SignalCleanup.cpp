//===- SignalCleanup.cpp - files that signals remove ----------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SignalCleanup.h"
#include "compress/Store/AtomicOutput.h"
#include <atomic>
#include <climits>
#include <cstring>
#include <mutex>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

using namespace mlir::compress::store;

//===----------------------------------------------------------------------===//
// What the handler may touch: no allocation, no lock
//===----------------------------------------------------------------------===//

namespace {
enum SlotState : int { Free, File, Directory };

struct Slot {
  std::atomic<int> state;
  /// After a fork, the files are still the parent's.
  pid_t owner;
  char path[PATH_MAX];
};
} // namespace

static_assert(std::atomic<int>::is_always_lock_free);

/// An artifact takes about ten. Static, so zero, and without pages until used.
static Slot slots[256];

/// The number of CleanupGuards; kCleaning once a handler has begun.
static std::atomic<int> guards;
static constexpr int kCleaning = -1;

static constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};

/// For threads that have nothing left to do but to end with the process.
[[noreturn]] static void waitForEnd() {
  for (;;)
    ::pause();
}

/// Waits for all guards. Not forever: a guard may hang in a network file
/// system, and one that another thread held during a fork stays in the child.
static void stopGuards() {
  for (int milliseconds = 0; milliseconds < 10000; ++milliseconds) {
    int expected = 0;
    if (guards.compare_exchange_strong(expected, kCleaning))
      return;
    if (expected == kCleaning)
      waitForEnd();
    ::poll(nullptr, 0, 1);
  }
  guards = kCleaning;
}

static void removeAll(int kind, int (*removeOne)(const char *)) {
  pid_t self = ::getpid();
  for (Slot &slot : slots)
    if (slot.state == kind && slot.owner == self)
      removeOne(slot.path);
}

static void handleSignal(int signal) {
  stopGuards();
  removeAll(File, ::unlink);
  removeAll(Directory, ::rmdir);
  // Die of the signal, so that shells and make see an interrupt.
  struct sigaction action = {};
  action.sa_handler = SIG_DFL;
  ::sigaction(signal, &action, nullptr);
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, signal);
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  ::raise(signal);
  ::_exit(128 + signal);
}

//===----------------------------------------------------------------------===//
// Outside of the handler
//===----------------------------------------------------------------------===//

static sigset_t getSignalSet() {
  sigset_t set;
  ::sigemptyset(&set);
  for (int signal : kSignals)
    ::sigaddset(&set, signal);
  return set;
}

void mlir::compress::store::installSignalCleanup() {
  for (int signal : kSignals) {
    struct sigaction action = {};
    // What is ignored stays so: nohup ignores SIGHUP.
    if (::sigaction(signal, nullptr, &action) != 0 ||
        action.sa_handler == SIG_IGN)
      continue;
    action = {};
    action.sa_handler = handleSignal;
    action.sa_mask = getSignalSet();
    ::sigaction(signal, &action, nullptr);
  }
}

CleanupGuard::CleanupGuard() {
  // A handler in this thread would wait for this guard.
  sigset_t set = getSignalSet();
  ::pthread_sigmask(SIG_BLOCK, &set, &previous);
  int count = guards;
  do {
    if (count == kCleaning)
      waitForEnd();
  } while (!guards.compare_exchange_weak(count, count + 1));
}

CleanupGuard::~CleanupGuard() {
  int count = guards;
  while (count != kCleaning &&
         !guards.compare_exchange_weak(count, count - 1)) {
  }
  ::pthread_sigmask(SIG_SETMASK, &previous, nullptr);
}

/// Among threads; the handler does without.
static std::mutex tableMutex;

static Slot *findSlot(const std::string &path) {
  for (Slot &slot : slots)
    if (slot.state != Free && path == slot.path)
      return &slot;
  return nullptr;
}

void mlir::compress::store::addToCleanup(const std::string &path,
                                         CleanupKind kind) {
  CleanupGuard guard;
  std::lock_guard<std::mutex> lock(tableMutex);
  if (path.size() >= PATH_MAX || findSlot(path))
    return;
  for (Slot &slot : slots) {
    if (slot.state != Free)
      continue;
    std::memcpy(slot.path, path.c_str(), path.size() + 1);
    slot.owner = ::getpid();
    slot.state = kind == CleanupKind::File ? File : Directory;
    return;
  }
}

void mlir::compress::store::removeFromCleanup(const std::string &path) {
  CleanupGuard guard;
  std::lock_guard<std::mutex> lock(tableMutex);
  if (Slot *slot = findSlot(path))
    slot->state = Free;
}
