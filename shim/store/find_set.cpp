// Recordings that are looked for as a set: lists of models, and those that are found by their
// content, whatever they are called. See store.h.
#include <algorithm>
#include <mutex>

#include "shim/store/asked.h"
#include "shim/store/impl.h"
#include "shim/store/json_bytes.h"
#include "shim/store/model_lists.h"
#include "shim/store/render.h"

namespace recshim::store {
namespace {

// Of the lists that one key stands for, those of the server that is asked: by its whole url
// where one is the same, else by its host; all of them where neither is known.
std::vector<Recording> of_the_server(std::vector<Recording> lists, const match::RequestKey& key,
                                     const std::string& host) {
  const auto keep = [&](const auto& wanted) {
    if (!std::any_of(lists.begin(), lists.end(), wanted)) return false;
    std::erase_if(lists, [&](const Recording& list) { return !wanted(list); });
    return true;
  };
  if (keep([&](const Recording& list) {
        const Json& request = list.json["request"];
        return request.contains("url") && request["url"] == key.request["url"];
      })) {
    return lists;
  }
  keep([&](const Recording& list) { return list.host() == host; });
  return lists;
}

bool changed_since(Env& env, const std::string& dir, const IndexEntry& entry) {
  const auto info = env.stat(dir + "/" + entry.file);
  return !info.ok() || entry.mtime_ns == 0 || info->mtime_ns != entry.mtime_ns ||
         info->size_bytes != entry.size_bytes || info->inode != entry.inode;
}

// Of recordings under one key, those that were asked with the wishes nearest to these.
void keep_most_agreeing(std::vector<Loaded>& set, const match::Json& asked) {
  const Loaded* best = nullptr;
  int most = 0;
  for (const Loaded& loaded : set) {
    const int points = agreement(wishes_of(*loaded.recording), asked);
    if (best != nullptr && points <= most) continue;
    best = &loaded;
    most = points;
  }
  if (best == nullptr) return;
  const match::Json wishes = wishes_of(*best->recording);
  std::erase_if(set, [&](const Loaded& loaded) { return wishes_of(*loaded.recording) != wishes; });
}

}  // namespace

Result<std::optional<Found>> Store::Impl::next_of(const std::vector<Loaded>& set,
                                                  const http::Exchange& request,
                                                  const match::RequestKey& key) {
  if (set.empty()) return std::optional<Found>();
  std::string name = counter_name(key.hash, request.origin.host);
  if (const match::Json wishes = wishes_of(*set.front().recording); !wishes.empty()) {
    name += "-" + digest_of(wishes);
  }
  const SessionMemory::Name counter("replay-set", name);
  for (int tries = 0; tries < kMaxTries; ++tries) {
    const auto served = memory->cell(counter);
    if (!served) return served.error();
    auto found = answer(set[std::min<size_t>(*served, set.size() - 1)], request, key);
    if (!found.ok()) return found.error();
    if (*served >= set.size()) return std::optional<Found>(std::move(*found));
    const auto noted = memory->exchange(counter, *served, *served + 1);
    if (!noted) return noted.error();
    if (*noted) return std::optional<Found>(std::move(*found));
  }
  return Error{ErrorCode::kIo, kRestless};
}

Result<std::optional<Found>> Store::Impl::find_model_list(const http::Exchange& request,
                                                          const match::RequestKey& key) {
  std::vector<Loaded> own;
  std::vector<Recording> shared;
  std::string shared_path;
  RecordingCache::FolderTimes times;
  for (const auto& dir : folders(request.test_id)) {
    std::vector<std::string> names;
    const auto listed = model_list_names(env, options.cache_dir, dir);
    if (!listed) return listed.error();
    for (const auto& name : *listed) {
      if (name.starts_with("models-" + key.hash + "-")) names.push_back(name);
    }
    // Errors, and answers that are no list, have the name of the key.
    for (const auto& stem : {key.hash, key.hash + "-" + host_tag(request.origin.host)}) {
      for (const bool error : {false, true}) {
        for (int number = 1;; ++number) {
          const Series series{dir, stem};
          const auto there = exists(env, series_path(series, error, number));
          if (!there) return there.error();
          if (!*there) break;
          names.push_back(series_name(series, error, number) + ".json");
        }
      }
    }
    std::vector<Loaded> here;
    for (const auto& name : names) {
      auto loaded = load(dir + "/" + name, times);
      if (!loaded.ok()) return loaded.error();
      if (!*loaded) continue;
      if ((*loaded)->recording->from_recshim()) {
        if ((*loaded)->recording->host() == request.origin.host)
          here.push_back(std::move(**loaded));
      } else if (name.starts_with("models-")) {
        if (shared.empty()) shared_path = (*loaded)->path;
        shared.push_back(*(*loaded)->recording);
      }
    }
    if (own.empty()) own = std::move(here);
  }
  std::stable_sort(own.begin(), own.end(), [](const Loaded& a, const Loaded& b) {
    return a.recording->repeat() < b.recording->repeat();
  });
  if (own.empty() && !shared.empty()) {
    shared = of_the_server(std::move(shared), key, request.origin.host);
    own.push_back({shared_path, std::make_shared<const Recording>(merge_model_lists(shared))});
  }
  return next_of(own, request, key);
}

Result<std::optional<Found>> Store::Impl::find_by_content(const http::Exchange& request,
                                                          const match::RequestKey& key) {
  const auto content = match::content_hash(key.request, std::nullopt, options.match);
  if (!content) return std::optional<Found>();
  const bool any_test =  // the key leaves the test out
      content == match::content_hash(key.request, "any other", options.match);
  const auto sdk_content = match::sdk_content_hash(key.request, std::nullopt, options.match);
  // A quick look first; before it is a miss, at every file.
  bool doubtful = false;
  for (const bool every_file : {false, true}) {
    if (every_file && !doubtful && looked_at_every_file_lately()) break;
    const auto now = refreshed_index(every_file);
    for (const bool borrow : {false, true}) {
      std::vector<const IndexEntry*> exact_host;
      std::vector<const IndexEntry*> other_host;
      auto entries = now->find(*content);
      if (entries.empty() && sdk_content) entries = now->find(*sdk_content);
      for (const IndexEntry* entry : entries) {
        const Summary& summary = entry->summary;
        const bool same_test = any_test || summary.test_id == request.test_id;
        const bool lent =
            !summary.test_id || summary.phase == "setup" || summary.phase == "teardown";
        if (borrow ? !lent : !same_test) continue;
        if (summary.host == request.origin.host) {
          exact_host.push_back(entry);
        } else if (!summary.from_recshim) {
          other_host.push_back(entry);
        }
      }
      auto& chosen = exact_host.empty() ? other_host : exact_host;
      if (chosen.empty()) continue;
      // llama-stack has no repeats: several such files are copies in several folders, but
      // for model lists, which are shared out by the server they came from.
      if (!chosen.front()->summary.from_recshim && !key.model_list) chosen.resize(1);
      std::stable_sort(chosen.begin(), chosen.end(), [](const IndexEntry* a, const IndexEntry* b) {
        return a->summary.repeat < b->summary.repeat;
      });
      // Files that changed since they were looked at may hold another request now.
      if (!every_file && std::any_of(chosen.begin(), chosen.end(), [&](const IndexEntry* entry) {
            return changed_since(env, options.dir, *entry);
          })) {
        doubtful = true;
        break;
      }
      std::vector<Loaded> set;
      RecordingCache::FolderTimes times;
      const auto folder_of = [](const std::string& file) {
        const size_t slash = file.rfind('/');
        return slash == std::string::npos ? std::string() : file.substr(0, slash);
      };
      for (const IndexEntry* entry : chosen) {
        if (entry->summary.from_recshim &&
            folder_of(entry->file) != folder_of(chosen.front()->file)) {
          continue;
        }
        auto loaded = load(options.dir + "/" + entry->file, times);
        if (!loaded.ok()) return loaded.error();
        if (*loaded) set.push_back(std::move(**loaded));
      }
      if (key.model_list && set.size() > 1 && !set.front().recording->from_recshim()) {
        std::vector<Recording> parts;
        for (const auto& loaded : set) parts.push_back(*loaded.recording);
        set.resize(1);
        set.front().recording = std::make_shared<const Recording>(
            merge_model_lists(of_the_server(std::move(parts), key, request.origin.host)));
      }
      keep_most_agreeing(set, wishes_of(request, key));
      auto found = next_of(set, request, key);
      if (found.ok() && *found) (*found)->borrowed = borrow;
      if (!found.ok() || *found) return found;
    }
  }
  return std::optional<Found>();
}

}  // namespace recshim::store
