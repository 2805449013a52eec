// Building, refreshing and caching the content index. See index.h.
#include "shim/store/index.h"

#include <algorithm>

#include "shim/base/interruption.h"
#include "shim/base/log.h"
#include "shim/base/regular_file.h"
#include "shim/base/sha256.h"
#include "shim/match/python_json.h"
#include "shim/store/json_bytes.h"
#include "shim/store/recording_cache.h"

namespace recshim::store {
namespace {

// Nobody keeps recordings in folders as deep, as many or as full: it is some other folder then,
// such as a whole disk.
constexpr int kMaxDepth = 32;
constexpr size_t kMaxFolders = 20'000;
constexpr size_t kMaxEntries = 1'000'000;
// A search that takes longer can be interrupted.
constexpr uint64_t kPatience_us = 1'000'000;
constexpr uint64_t kMaxFileBytes = uint64_t{256} << 20;
// The cache is written again when this share of it is new: a recording a request must not make
// each request as slow as the folder is large.
constexpr size_t kKeepShare = 16;
constexpr int kCacheVersion = 4;

// Rules change what a request means, so an index made under other rules is another one.
std::string fingerprint(const Index::Options& options) {
  Json rules = Json::array();
  rules.push_back(kCacheVersion);
  rules.push_back(RECSHIM_VERSION);
  rules.push_back(options.dir);
  rules.push_back(options.match.ignore_query);
  rules.push_back(options.match.ignore_body);
  for (const auto& item : options.match.normalizers) {
    rules.push_back(Json::array({item.pattern, item.replacement}));
  }
  rules.push_back(options.match.redact_headers);
  rules.push_back(options.match.redact_query);
  rules.push_back(options.match.redact_values);
  rules.push_back(options.match.openai_paths);
  rules.push_back(options.match.json_payload_limit_bytes);
  return sha256_hex(match::dump(rules, match::compact_style()));
}

std::string endpoint(const std::string& method, const std::string& path) {
  return method + " " + path;
}

Json to_json(const IndexEntry& entry) {
  Json out = Json::array({entry.file, entry.size_bytes, entry.mtime_ns, entry.inode});
  if (!entry.recording) return out;
  const Summary& summary = entry.summary;
  out.push_back(summary.content);
  out.push_back(summary.test_id ? Json(*summary.test_id) : Json(nullptr));
  out.push_back(summary.phase);
  out.push_back(summary.method);
  out.push_back(summary.path);
  out.push_back(summary.host);
  out.push_back(summary.repeat);
  out.push_back(summary.from_recshim);
  out.push_back(summary.sketch);
  return out;
}

// REQUIRES: json comes from to_json; nlohmann throws otherwise.
IndexEntry from_json(const Json& json) {
  IndexEntry entry;
  entry.file = json.at(0);
  entry.size_bytes = json.at(1);
  entry.mtime_ns = json.at(2);
  entry.inode = json.at(3);
  if (json.size() == 4) return entry;
  entry.recording = true;
  entry.summary.content = json.at(4);
  if (!json.at(5).is_null()) entry.summary.test_id = json.at(5).get<std::string>();
  entry.summary.phase = json.at(6);
  entry.summary.method = json.at(7);
  entry.summary.path = json.at(8);
  entry.summary.host = json.at(9);
  entry.summary.repeat = json.at(10);
  entry.summary.from_recshim = json.at(11);
  entry.summary.sketch = json.at(12).get<match::Sketch>();
  return entry;
}

}  // namespace

class IndexBuilder {
 public:
  IndexBuilder(Env& env, const Index::Options& options, const Index* before, bool every_file)
      : env_(env), options_(options), before_(before), every_file_(every_file) {}

  std::shared_ptr<const Index> build() {
    const std::string print = fingerprint(options_);
    if (before_ == nullptr) {
      load(print);
      every_file_ = true;
    }
    walk("", 0);
    for (const auto& [file, entry] : out_->entries_) {
      if (!entry->recording) continue;
      out_->by_content_.emplace(entry->summary.content, entry.get());
      out_->by_endpoint_[endpoint(entry->summary.method, entry->summary.path)].push_back(
          entry.get());
    }
    const size_t before = before_ == nullptr ? 0 : before_->not_kept_;
    const size_t gone = known().size() > out_->entries_.size() ? 1 : 0;
    out_->not_kept_ = before + changed_ + gone;
    const bool worth_it =
        before_ == nullptr || out_->not_kept_ > out_->entries_.size() / kKeepShare;
    if (out_->not_kept_ > 0 && worth_it && !stopped_) keep(print);
    return out_;
  }

 private:
  [[nodiscard]] const Index::Entries& known() const {
    return before_ == nullptr ? cached_ : before_->entries_;
  }
  [[nodiscard]] std::string cache_path(const std::string& print) const {
    return options_.cache_dir + "/index-" + print.substr(0, 32);
  }

  void load(const std::string& print) {
    if (options_.cache_dir.empty()) return;
    auto text = env_.read_file(cache_path(print));
    if (!text.ok()) return;
    auto json = parse_json(*text);
    try {
      if (!json || json->at("print") != print) return;
      for (const auto& item : json->at("files")) {
        auto entry = std::make_shared<const IndexEntry>(from_json(item));
        cached_.emplace(entry->file, entry);
      }
    } catch (const std::exception&) {
      cached_.clear();  // a damaged cache is only a slow start
    }
  }

  void keep(const std::string& print) {
    out_->not_kept_ = 0;
    if (options_.cache_dir.empty()) return;
    Json files = Json::array();
    for (const auto& [file, entry] : out_->entries_) files.push_back(to_json(*entry));
    Json json = Json::object();
    json["print"] = print;
    json["files"] = std::move(files);
    const Status written =
        env_.write_atomic(cache_path(print), match::dump(json, match::compact_style()));
    if (!written.ok()) log::debug("the index is not kept: {}", written.error().message);
  }

  // What is not there is not missed.
  void note(const Error& error) {
    if (error.code != ErrorCode::kNotFound && !out_->problem_) out_->problem_ = error;
  }

  // Whether to go on.
  bool may_go_on() {
    if (!stopped_ && env_.monotonic_time_us() > started_us_ + kPatience_us && interrupted()) {
      stop("was interrupted");
    }
    return !stopped_;
  }

  void stop(const std::string& why) {
    stopped_ = true;
    note({ErrorCode::kTooLarge, "the search of " + options_.dir + " for recordings " + why});
  }

  // A link that leads nowhere, or in circles, is no file that can't be looked at.
  void note_unless_link(const std::string& file, const std::string& path, const Error& error) {
    const std::string reason = why_not_readable(options_.dir, path);
    return reason.empty() ? note(error) : pass_over(file, reason);
  }

  void pass_over(const std::string& name, const std::string& reason) {
    if (out_->passed_over_.size() < Index::kPassedOver) {
      out_->passed_over_.push_back(name + ": " + reason);
    }
  }

  void walk(const std::string& folder, int depth) {
    if (!may_go_on()) return;
    const std::string path = options_.dir + (folder.empty() ? "" : "/" + folder);
    if (!folder.empty()) {
      const std::string reason = why_not_searchable(options_.dir, path);
      if (reason == ".") return;
      if (!reason.empty()) return pass_over(folder, reason);
    }
    auto info = env_.stat(path);
    if (!info.ok()) return note(info.error());
    if (!info->is_directory) return;
    Index::Folder now;
    bool same = false;
    if (before_ != nullptr) {
      const auto it = before_->folders_.find(folder);
      if (it != before_->folders_.end() && it->second.mtime_ns != 0 &&
          it->second.mtime_ns == info->mtime_ns) {
        now = it->second;
        same = true;
      }
    }
    if (!same) {
      now.mtime_ns = settled(env_, info->mtime_ns);
      auto entries = env_.list(path);
      if (!entries.ok()) return note(entries.error());
      now.entries = entries->size();
      for (const auto& entry : *entries) {
        if (entry.name.starts_with('.')) continue;
        if (entry.is_directory) {
          now.folders.push_back(entry.name);
        } else if (entry.name.ends_with(".json")) {
          now.files.push_back({entry.name, entry.inode});
        }
      }
    }
    ++folders_;
    entries_ += now.entries;
    if (depth > kMaxDepth || folders_ > kMaxFolders || entries_ > kMaxEntries) {
      return stop("was given up: " + std::to_string(folders_) + " folders with " +
                  std::to_string(entries_) + " entries were seen, down to " + path +
                  "; name a folder that holds little but recordings");
    }
    const std::string prefix = folder.empty() ? "" : folder + "/";
    for (const auto& file : now.files) {
      if (!may_go_on()) return;
      look_at(prefix + file.name, same, file.inode);
      ++progress_.files;
      if (options_.progress) options_.progress(progress_);
    }
    for (const auto& name : now.folders) walk(prefix + name, depth + 1);
    out_->folders_[folder] = std::move(now);
  }

  // same_folder: its time has not moved. inode: as it is listed.
  void look_at(const std::string& file, bool same_folder, uint64_t inode) {
    const auto it = known().find(file);
    const auto before = it != known().end() ? it->second : nullptr;
    const bool may_be_known = before != nullptr && before->mtime_ns != 0;
    const bool looks_the_same =
        same_folder || (inode != 0 && may_be_known && before->inode == inode);
    if (!every_file_ && may_be_known && looks_the_same) return out_->add(before);
    const std::string path = options_.dir + "/" + file;
    auto info = env_.stat(path);
    if (!info.ok()) return note_unless_link(file, path, info.error());
    if (info->is_directory) return;
    // A link's kind is not listed, and what it leads to can change.
    const std::string reason = why_not_readable(options_.dir, path);
    if (!reason.empty()) return pass_over(file, reason);
    if (may_be_known && before->mtime_ns == info->mtime_ns &&
        before->size_bytes == info->size_bytes && before->inode == info->inode) {
      return out_->add(before);
    }
    ++changed_;
    auto made = std::make_shared<IndexEntry>();
    IndexEntry& entry = *made;
    entry.file = file;
    entry.size_bytes = info->size_bytes;
    entry.mtime_ns = settled(env_, info->mtime_ns);
    entry.inode = info->inode;
    if (info->size_bytes <= kMaxFileBytes) {
      auto text = read_below(env_, options_.dir, path, kMaxFileBytes);
      if (!text.ok()) return note(text.error());
      ++progress_.files_read;
      progress_.bytes_read += text->size();
      auto summary = summarise(*text, options_.match);
      entry.recording = summary.has_value();
      if (summary) entry.summary = std::move(*summary);
    }
    out_->add(std::move(made));
  }

  Env& env_;
  const Index::Options& options_;
  const Index* before_;
  bool every_file_;
  const uint64_t started_us_ = env_.monotonic_time_us();
  size_t folders_ = 0;
  size_t entries_ = 0;
  bool stopped_ = false;
  size_t changed_ = 0;  // entries that were read
  Index::Progress progress_;
  Index::Entries cached_;
  std::shared_ptr<Index> out_ = std::make_shared<Index>();
};

std::shared_ptr<const Index> Index::refresh(Env& env, const Options& options,
                                            const std::shared_ptr<const Index>& before,
                                            bool every_file) {
  if (before != nullptr && !every_file && before->is_current(env, options.dir)) return before;
  return IndexBuilder(env, options, before.get(), every_file).build();
}

bool Index::is_current(Env& env, const std::string& dir) const {
  if (unsettled_ > 0 || problem_ || folders_.empty()) return false;
  return std::all_of(folders_.begin(), folders_.end(), [&](const auto& named) {
    const auto& [name, folder] = named;
    const auto now = env.stat(name.empty() ? dir : dir + "/" + name);
    return now.ok() && folder.mtime_ns != 0 && now->mtime_ns == folder.mtime_ns;
  });
}

std::vector<const IndexEntry*> Index::find(const std::string& content) const {
  std::vector<const IndexEntry*> out;
  const auto [from, to] = by_content_.equal_range(content);
  for (auto it = from; it != to; ++it) out.push_back(it->second);
  std::sort(out.begin(), out.end(),
            [](const IndexEntry* a, const IndexEntry* b) { return a->file < b->file; });
  return out;
}

std::vector<const IndexEntry*> Index::nearest(const std::string& method, const std::string& path,
                                              const std::optional<std::string>& content,
                                              const match::Sketch& sketch, size_t limit) const {
  const auto all = by_endpoint_.find(endpoint(method, path));
  if (all == by_endpoint_.end()) return {};
  const std::vector<const IndexEntry*>& entries = all->second;
  // What each has in common, and its place: the first ones of equal ones are taken.
  std::vector<std::pair<size_t, size_t>> ranked;
  ranked.reserve(entries.size());
  for (size_t i = 0; i < entries.size(); ++i) {
    const Summary& summary = entries[i]->summary;
    const bool same = content == summary.content;
    ranked.emplace_back(same ? SIZE_MAX : match::in_common(sketch, summary.sketch), i);
  }
  const auto end = ranked.begin() + static_cast<std::ptrdiff_t>(std::min(limit, ranked.size()));
  std::partial_sort(ranked.begin(), end, ranked.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  });
  std::vector<const IndexEntry*> out;
  for (auto it = ranked.begin(); it != end; ++it) out.push_back(entries[it->second]);
  return out;
}

}  // namespace recshim::store
