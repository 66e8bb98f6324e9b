// What the page knows: the newest state of the workspace as one person sees it.

export class Store {
  constructor() {
    this.users = {};
    this.groups = {};
    this.channels = new Map();
    this.messages = new Map();
    this.views = [];
    this.home = null;
    this.unread = new Map();
    this.ready = false;
  }

  everything(told) {
    const { users, groups, me, app, slackbot, people, commands, home, views, sockets } = told;
    Object.assign(this, { users, groups, me, app, slackbot, people, commands, home, views, sockets, ready: true });
    this.zone = users[me].tz;
    this.channels = new Map(told.channels.map((one) => [one.id, one]));
    this.messages = new Map();
    this.unread = new Map();
    told.messages.forEach((one) => this.put(one));
  }

  in(channel) {
    if (!this.messages.has(channel)) this.messages.set(channel, new Map());
    return this.messages.get(channel);
  }

  put(message) {
    this.in(message.channel).set(message.ts, message);
  }

  remove(message) {
    this.in(message.channel).delete(message.ts);
  }

  find(channel, ts) {
    return this.in(channel).get(ts);
  }

  sorted(channel) {
    return [...this.in(channel).values()].sort((a, b) => Number(a.ts) - Number(b.ts));
  }

  parents(channel) {
    return this.sorted(channel).filter((one) => !one.thread_ts || one.thread_ts === one.ts || one.broadcast);
  }

  thread(channel, ts) {
    return this.sorted(channel).filter((one) => one.ts === ts || one.thread_ts === ts);
  }

  title(channel) {
    if (channel.kind !== "im") return channel.name;
    const other = channel.members.find((one) => one !== this.me) || this.me;
    return this.users[other]?.real_name || other;
  }

  appChannel() {
    return [...this.channels.values()].find((one) => one.kind === "im" && one.members.includes(this.app) && one.members.includes(this.me));
  }
}
