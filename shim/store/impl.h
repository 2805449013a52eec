// What the parts of Store share: options, the session's memory, the current index.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "shim/base/fork_mutex.h"
#include "shim/store/cursor.h"
#include "shim/store/index.h"
#include "shim/store/recording.h"
#include "shim/store/recording_cache.h"
#include "shim/store/series.h"
#include "shim/store/stash.h"
#include "shim/store/store.h"

namespace recshim::store {

// A recording and where it lies.
struct Loaded {
  std::string path;
  std::shared_ptr<const Recording> recording;
};

struct Store::Impl {
  Impl(Env& environment, StoreOptions store_options)
      : env(environment),
        options(std::move(store_options)),
        memory(options.memory),
        stash(env, options.session_dir),
        cache(env, options.dir) {}

  Env& env;
  const StoreOptions options;
  // The session's, or this store's own.
  const std::shared_ptr<SessionMemory> memory;
  Stash stash;
  RecordingCache cache;
  // Guards index and looked_us; never held over a file operation.
  ForkMutex mutex{LockRank::kStore};
  std::shared_ptr<const Index> index;
  uint64_t looked_us = 0;  // monotonic, at every file

  // nullopt when there is no such file; an Error naming it when it can't be read.
  Result<std::optional<Loaded>> load(const std::string& path, RecordingCache::FolderTimes& times);
  // What a recording answers with; errors name the file.
  Result<Found> answer(const Loaded& loaded, const http::Exchange& request,
                       const match::RequestKey& key);
  // The folders a request's recordings are looked for in by name, best first.
  [[nodiscard]] std::vector<std::string> folders(const std::optional<std::string>& test_id) const;
  std::shared_ptr<const Index> refreshed_index(bool every_file);
  bool looked_at_every_file_lately();

  Result<Lookup> find(const http::Exchange& request);
  // Lookup by name (find.cpp); the rest is in find_set.cpp. stem: the hash, or what replaces it.
  Result<std::optional<Found>> find_by_name(const http::Exchange& request,
                                            const match::RequestKey& key, const std::string& stem);
  Result<std::optional<Found>> find_model_list(const http::Exchange& request,
                                               const match::RequestKey& key);
  Result<std::optional<Found>> find_by_content(const http::Exchange& request,
                                               const match::RequestKey& key);
  struct ReplayCounter {
    SessionMemory::Name name;
    match::Json wishes;
  };
  // nullopt when no recording of that name answers.
  Result<std::optional<ReplayCounter>> replay_counter(const http::Exchange& request,
                                                      const match::RequestKey& key,
                                                      const std::string& stem,
                                                      RecordingCache::FolderTimes& times);
  Result<std::optional<Loaded>> next_that_answers(const Series& series, Cursor& cursor,
                                                  RecordingCache::FolderTimes& times,
                                                  std::optional<Loaded> first,
                                                  const match::RequestKey& key,
                                                  const match::Json& wishes);
  // loaded_first: set to the file that decided it, so that it isn't read twice.
  Result<std::optional<Series>> locate(const http::Exchange& request, const std::string& stem,
                                       RecordingCache::FolderTimes& times,
                                       std::optional<Loaded>& loaded_first);
  // The next of a set of recordings in their order, the last one repeating.
  Result<std::optional<Found>> next_of(const std::vector<Loaded>& set,
                                       const http::Exchange& request, const match::RequestKey& key);

  // diagnosis.cpp
  Missing explain(const http::Exchange& request, const match::RequestKey& key);
};

// A session has more threads than that at no time: each try that fails is another's success.
inline constexpr int kMaxTries = 100'000;
inline constexpr const char* kRestless = "too many equal requests at once";

// Stands for wishes in the names of counters.
std::string digest_of(const match::Json& wishes);

// False when there is no such file; an Error when that can't be told.
Result<bool> exists(Env& env, const std::string& path);

// What counts whether this session has begun to record a series. counter: counter_name().
SessionMemory::Name recorded_name(const std::string& counter);

// What the session counts a key's requests under. stem: the hash, or what replaces it.
std::string counter_name(const std::string& stem, const std::string& host);

}  // namespace recshim::store
