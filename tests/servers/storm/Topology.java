import java.io.File;
import java.util.Map;
import org.apache.storm.Config;
import org.apache.storm.LocalCluster;
import org.apache.storm.generated.KillOptions;
import org.apache.storm.spout.ShellSpout;
import org.apache.storm.task.ShellBolt;
import org.apache.storm.topology.IRichBolt;
import org.apache.storm.topology.IRichSpout;
import org.apache.storm.topology.OutputFieldsDeclarer;
import org.apache.storm.topology.TopologyBuilder;
import org.apache.storm.tuple.Fields;

/** Texts from a spout, vectors by a bolt, a sink: arguments python, spout, bolt, sink, done file, seconds. */
public class Topology {
    public static class Spout extends ShellSpout implements IRichSpout {
        public Spout(String... command) { super(command); }
        public void declareOutputFields(OutputFieldsDeclarer fields) { fields.declare(new Fields("text")); }
        public Map<String, Object> getComponentConfiguration() { return null; }
    }

    public static class Bolt extends ShellBolt implements IRichBolt {
        public Bolt(String... command) { super(command); }
        public void declareOutputFields(OutputFieldsDeclarer fields) { fields.declare(new Fields("text", "vector")); }
        public Map<String, Object> getComponentConfiguration() { return null; }
    }

    public static void main(String[] told) throws Exception {
        TopologyBuilder builder = new TopologyBuilder();
        builder.setSpout("texts", new Spout(told[0], told[1]), 1);
        builder.setBolt("vectors", new Bolt(told[0], told[2]), 2).shuffleGrouping("texts");
        builder.setBolt("sink", new Bolt(told[0], told[3]), 1).globalGrouping("vectors");
        Config config = new Config();
        config.setMessageTimeoutSecs(20);
        config.setMaxSpoutPending(200);
        try (LocalCluster cluster = new LocalCluster()) {
            cluster.submitTopology("texts", config, builder.createTopology());
            long end = System.nanoTime() + Long.parseLong(told[5]) * 1_000_000_000L;
            while (System.nanoTime() < end && !new File(told[4]).exists()) Thread.sleep(50);
            KillOptions now = new KillOptions();
            now.set_wait_secs(0);
            cluster.killTopologyWithOpts("texts", now);
        }
        System.exit(0);
    }
}
